/** A well-behaved client beside an attack: so many small requests a second over REST and gRPC, in an open loop. */
import { Agent, request as httpRequest } from 'node:http';
import { frame, openSession, rawCall } from '../../support/raw-grpc.ts';
import { bytesField, shape, varintField } from '../../support/wire-fragments.ts';
import { pause } from '../driving.ts';
import { PREDICT, REST_PREDICT, type Target } from './attack.ts';

export interface NeighbourResult {
  readonly sent: number;
  readonly succeeded: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Why the others failed. */
  readonly failures: Readonly<Record<string, number>>;
}

const BODY = JSON.stringify({ instances: [new Array<number>(64).fill(1)] });
const MESSAGE = frame(
  (() => {
    const tensor = [varintField(1, 1), bytesField(2, shape(1, 64)), bytesField(5, new Uint8Array(4))];
    const parts = [bytesField(1, 'pixels'), bytesField(2, Buffer.concat(tensor))];
    return Buffer.concat([bytesField(1, bytesField(1, 'digits')), bytesField(2, Buffer.concat(parts))]);
  })(),
);
/** The rest is for p99 to tell: a busy machine is no failure. */
const PATIENCE_MS = 30_000;
const NEVER = new AbortController().signal;

/** Sends `perSecond` requests a second until the signal. An answer may take PATIENCE_MS. */
export async function neighbour(target: Target, perSecond: number, signal: AbortSignal): Promise<NeighbourResult> {
  const latencies: number[] = [];
  const failures: Record<string, number> = {};
  const open = new Set<Promise<void>>();
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const session = openSession(target.grpc);
  session.on('error', () => undefined);
  let sent = 0;
  const startedAt = performance.now();
  while (!signal.aborted) {
    const dueAt = startedAt + (sent * 1000) / perSecond;
    const waitMs = dueAt - performance.now();
    if (waitMs > 0) await pause(waitMs, signal);
    const ask = sent % 2 === 0 ? askRest(target, agent) : askGrpc(session);
    sent += 1;
    const patience = pause(PATIENCE_MS, NEVER).then(() => 'late');
    const outcome: Promise<void> = Promise.race([ask, patience])
      .catch((error: unknown) => String(error))
      .then((why) => {
        if (why === undefined) latencies.push(performance.now() - dueAt);
        else failures[why] = (failures[why] ?? 0) + 1;
        open.delete(outcome);
      });
    open.add(outcome);
  }
  await Promise.all(open);
  agent.destroy();
  session.destroy();
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return { sent, succeeded: latencies.length, p50Ms: at(0.5), p99Ms: at(0.99), failures };
}

function askRest(target: Target, agent: Agent): Promise<string | undefined> {
  const { hostname, port } = new URL(target.rest);
  return new Promise((resolve) => {
    const headers = { 'content-length': BODY.length };
    const request = httpRequest({ hostname, port, agent, path: REST_PREDICT, method: 'POST', headers });
    request.on('error', (error) => resolve(`rest ${error.message}`));
    request.on('response', (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode === 200 ? undefined : `http ${answer.statusCode}`));
    });
    request.end(BODY);
  });
}

async function askGrpc(session: ReturnType<typeof openSession>): Promise<string | undefined> {
  const { grpcStatus, grpcMessage } = await rawCall(session, PREDICT, MESSAGE);
  return grpcStatus === 0 ? undefined : `grpc ${grpcStatus} ${grpcMessage.slice(0, 60)}`;
}
