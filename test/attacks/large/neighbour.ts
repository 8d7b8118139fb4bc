/**
 * A well-behaved client beside an attack: small Predicts at a fixed rate, over REST and gRPC in turn, whether the ones
 * before were answered or not. Latency counts from the moment a request was due.
 */
import { Buffer } from 'node:buffer';
import { Agent, request } from 'node:http';
import { answerOf, frame, openCall, openSession } from '../../support/raw-grpc.ts';
import { bytesField, shape, varintField } from '../../support/wire-fragments.ts';
import type { Target } from './large-bodies.ts';

export interface Latencies {
  readonly sent: number;
  /** Requests without a good answer. */
  readonly lost: number;
  /** In milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const MESSAGE = frame(
  Buffer.concat([
    bytesField(1, bytesField(1, 'small')),
    bytesField(
      2,
      Buffer.concat([
        bytesField(1, 'x'),
        bytesField(2, Buffer.concat([varintField(1, 1), bytesField(2, shape(1)), bytesField(5, Buffer.alloc(4))])),
      ]),
    ),
  ]),
);

/** Starts it against the model "small". `stop` ends it when the last request was answered. */
export function startNeighbour(target: Target, perSecond: number): { stop(): Promise<Latencies> } {
  const agent = new Agent({ keepAlive: true });
  const session = openSession(target.grpc);
  const latencies: number[] = [];
  const open = new Set<Promise<void>>();
  const started = performance.now();
  let sent = 0;
  let lost = 0;
  const timer = setInterval(() => {
    for (; sent < ((performance.now() - started) * perSecond) / 1000; sent++) {
      const due = performance.now();
      const call = (sent % 2 === 0 ? viaRest() : viaGrpc()).then(
        (isGood) => {
          if (isGood) latencies.push(performance.now() - due);
          else lost++;
        },
        () => {
          lost++;
        },
      );
      open.add(call);
      void call.finally(() => open.delete(call));
    }
  }, 1);
  const viaGrpc = async (): Promise<boolean> => {
    const stream = openCall(session, '/tensorflow.serving.PredictionService/Predict');
    stream.end(MESSAGE);
    return (await answerOf(stream)).grpcStatus === 0;
  };
  const viaRest = (): Promise<boolean> =>
    new Promise((resolve, reject) => {
      const [host, port] = target.rest.split(':');
      const body = '{"instances":[1]}';
      const headers = { 'content-length': body.length };
      const path = '/v1/models/small:predict';
      const call = request({ host, port, agent, method: 'POST', path, headers }, (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode === 200));
      });
      call.once('error', reject);
      call.end(body);
    });
  return {
    stop: async () => {
      clearInterval(timer);
      await Promise.all(open);
      agent.destroy();
      session.close();
      latencies.sort((a, b) => a - b);
      const at = (share: number): number => latencies[Math.floor(share * (latencies.length - 1))] ?? Number.NaN;
      return { sent, lost, p50: at(0.5), p99: at(0.99), max: at(1) };
    },
  };
}
