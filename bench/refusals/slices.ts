/** One kind of request, asked by several connections until so many were answered. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ServerProcess } from '../support/server-process.ts';
import { GrpcLoad } from './grpc-load.ts';
import { HttpLoad } from './http-load.ts';
import type { AnyRequest } from './kinds.ts';
import type { Load } from './load.ts';

export const CONNECTIONS = 32;
/** The share of answers that may have another status than the one that is measured. */
export const MOST_OTHERS = 0.01;
/** Answers of each connection before it is measured. */
const SETTLE_ROUNDS = 8;
const POLL_MS = 5;
const MOST_SLICE_MS = 20_000;
/** The time in which the server sees that the connections are closed, before it is asked again. */
const AFTER_MS = 20;

export interface Slice {
  /** CPU µs a request, of all threads of the server. */
  readonly cpuMicros: number;
  /** The share of answers that ended their connection. */
  readonly endedShare: number;
}

/** Rejects where more than one answer in a hundred has another status, or none comes in time. */
export async function takeSlice(request: AnyRequest, server: ServerProcess, requests: number): Promise<Slice> {
  const load = await startLoad(request, server);
  try {
    await untilAnswers(request, load, SETTLE_ROUNDS * CONNECTIONS);
    const wantedBefore = load.statuses.get(request.status) ?? 0;
    const [cpu, answers, ended] = [server.threadMicros(), load.answers, load.ended];
    await untilAnswers(request, load, answers + requests);
    const count = load.answers - answers;
    const slice = { cpuMicros: (server.threadMicros() - cpu) / count, endedShare: (load.ended - ended) / count };
    requireStatus(request, load, count, (load.statuses.get(request.status) ?? 0) - wantedBefore);
    return slice;
  } finally {
    load.close();
    await delay(AFTER_MS);
  }
}

async function startLoad(request: AnyRequest, server: ServerProcess): Promise<Load> {
  if ('bytes' in request) {
    return new HttpLoad({ port: portOf(server, 'rest'), connections: CONNECTIONS, bytes: request.bytes });
  }
  return GrpcLoad.open({ ...request, port: portOf(server, 'grpc'), connections: CONNECTIONS });
}

function portOf({ ready }: ServerProcess, surface: 'rest' | 'grpc'): number {
  const [address] = ready[surface] as string[];
  return Number(address!.slice(address!.lastIndexOf(':') + 1));
}

async function untilAnswers({ kind }: AnyRequest, load: Load, count: number): Promise<void> {
  const end = performance.now() + MOST_SLICE_MS;
  while (load.answers < count && load.failure === undefined) {
    await delay(POLL_MS);
    if (performance.now() > end) throw new Error(`${kind}: ${load.answers} of ${count} requests were answered`);
  }
}

/** A measurement of something else would look like a good one. */
function requireStatus({ kind, status }: AnyRequest, { failure, statuses }: Load, count: number, wanted: number): void {
  if (failure !== undefined) throw new Error(`${kind}: ${failure.message}`, { cause: failure });
  if (count - wanted > Math.max(2, MOST_OTHERS * count)) {
    throw new Error(`${kind} should be answered with ${status}: ${JSON.stringify([...statuses])}`);
  }
}
