/** One measurement: a load generator against one surface of one server, with what the whole cost meanwhile. */
import { execFile } from 'node:child_process';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { h2load, type LoadResult, wrk } from '../support/load-generators.ts';
import { watchForeignCpu } from '../support/machine.ts';
import { meanBatch } from './batch-size.ts';
import { RUNTIME } from './contestants.ts';
import type { BenchModel } from './models.ts';
import type { Round } from './results.ts';
import type { Target } from './running-contestant.ts';

const GRPC_FRAME_BYTES = 5;
/** A batch that is still in work when its server is paused would look slow to one that learns from its batches. */
const QUIESCE_MS = 200;

export interface Load {
  readonly connections: number;
  readonly seconds: number;
}

/** The server is awake for as long as this takes. `round` is only written down. */
export async function measure(target: Target, model: BenchModel, load: Load, round: number): Promise<Round> {
  const { server, protocol, contestant } = target;
  server.resume();
  try {
    const batchesBefore = await target.batchCounts?.();
    const before = server.cpuSeconds();
    const foreign = watchForeignCpu();
    const result = await generate(target, model, load);
    const cpuSeconds = server.cpuSeconds() - before;
    const foreignShare = foreign.share(cpuSeconds);
    const ending = server.ending();
    if (ending !== undefined) throw new Error(`it ended ${ending} under load\n${server.output()}`);
    const batchesAfter = await target.batchCounts?.();
    if (result.requests === 0) throw new Error(`it answered nothing within ${load.seconds} s`);
    return {
      model: model.name,
      contestant,
      surface: protocol.surface,
      connections: load.connections,
      round,
      requests: result.requests,
      requestsPerSecond: result.requestsPerSecond,
      p50Ms: result.p50Ms,
      p99Ms: result.p99Ms,
      failed: failuresOf(target, result, load),
      cpuSeconds,
      residentBytes: server.residentBytes(),
      foreignShare,
      ...(batchesBefore && batchesAfter && { meanBatch: meanBatch(batchesBefore, batchesAfter) }),
    };
  } finally {
    await delay(QUIESCE_MS);
    server.pause();
  }
}

function generate({ protocol, origin }: Target, model: BenchModel, load: Load): Promise<LoadResult> {
  const order = { ...load, url: origin + protocol.path(model), body: protocol.request(model) };
  return protocol.surface === 'gRPC' ? h2load(order) : wrk({ ...order, headers: protocol.headers(model) });
}

/** h2load sees a 200 in every gRPC answer; one that failed has no message. Those cut off at the end do not count. */
function failuresOf(target: Target, { requests, failed, dataBytes }: LoadResult, { connections }: Load): number {
  if (dataBytes === undefined) return failed;
  const whole = Math.floor(dataBytes / (target.answerBytes + GRPC_FRAME_BYTES));
  const missing = requests - whole;
  return failed + (missing > connections ? missing : 0);
}

/** The runtime's own loop with batches of `batch` rows; a request is a row. Its start is not in the figures. */
export async function measureRuntime(
  model: BenchModel,
  load: Load,
  batch: number,
  threads: number,
  round: number,
): Promise<Round> {
  const args = [
    'build/bench/compare/runtime-loop.js',
    model.file,
    String(batch),
    String(threads),
    String(load.seconds),
  ];
  const foreign = watchForeignCpu();
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const foreignShare = foreign.share(0);
  const result = JSON.parse(stdout) as Record<'rows' | 'seconds' | 'cpuSeconds' | 'p50Ms' | 'p99Ms' | 'rss', number>;
  return {
    model: model.name,
    contestant: RUNTIME.name,
    surface: 'loop',
    connections: load.connections,
    round,
    requests: result.rows,
    requestsPerSecond: result.rows / result.seconds,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    failed: 0,
    cpuSeconds: result.cpuSeconds,
    residentBytes: result.rss,
    foreignShare,
    meanBatch: batch,
  };
}
