/** Requests of very many rows in about 40 bytes each, again and again on one gRPC connection. */
import { answerOf, openCall, openSession } from '../../support/raw-grpc.ts';
import { type Counts, count, pause, until } from '../driving.ts';
import { type Attack, PREDICT_PATH, predictFrame } from './attack.ts';

const AT_ONCE = 4;
const REFUSED_PAUSE_MS = 5;

/** `deadline`: a grpc-timeout, as "30S"; none by default. */
export function manyRows(rows: number, deadline?: string): Attack {
  return async (target, seconds, signal) => {
    const counts: Counts = {};
    const end = until(seconds, signal);
    const session = openSession(target.grpc);
    session.on('error', () => count(counts, 'connection lost'));
    const message = predictFrame(target, rows);
    const loop = async (): Promise<void> => {
      while (!end.aborted && !session.destroyed) {
        const stream = openCall(session, PREDICT_PATH, deadline === undefined ? {} : { 'grpc-timeout': deadline });
        const stop = (): void => stream.close(8);
        end.addEventListener('abort', stop);
        stream.end(message);
        count(counts, 'sent');
        const { grpcStatus } = await answerOf(stream).catch(() => ({ grpcStatus: -1 }));
        end.removeEventListener('abort', stop);
        count(counts, `grpc ${grpcStatus}`);
        if (grpcStatus !== 0) await pause(REFUSED_PAUSE_MS, end);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, loop));
    session.destroy();
    return counts;
  };
}
