/** Triton as a contestant: the peer of bench/compare, with the models of a workload and a bound on what waits. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { peerPython } from '../compare/contestants.ts';
import { freePort } from '../support/free-port.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import type { TritonQueue } from './contestants.ts';
import type { JobTarget } from './generator-process.ts';
import { inferMessage, MODEL_INFER_PATH, type ModelRow, requireInference } from './rows.ts';
import type { BatchMetrics } from './server-metrics.ts';
import type { Workload } from './workload.ts';

const PEERS = join('bench', 'compare', 'peers');
/** Ten models are ten Python processes, one after the other. */
const START_MS = 240_000;
const POLL_MS = 100;
/** Each request says less: its objective. */
const LONGEST_QUEUE_TIMEOUT_US = 60_000_000;

export interface RunningTriton {
  readonly server: ServerProcess;
  /** "host:port" of gRPC. */
  readonly address: string;
  /** The origin of REST. */
  readonly origin: string;
}

/** Rejects with the server's output when it does not start. `files` are the models' .onnx files by their names. */
export async function startTriton(
  name: string,
  queue: TritonQueue,
  files: Readonly<Record<string, string>>,
  maxBatchSize: number,
): Promise<RunningTriton> {
  const python = peerPython('triton');
  if (!existsSync(python)) throw new Error('its packages are not installed');
  const work = mkdtempSync(join(tmpdir(), 'pillion-overload-triton-'));
  const ports = { http: await freePort(), grpc: await freePort() };
  const env = {
    MODELS: JSON.stringify(files),
    HTTP_PORT: String(ports.http),
    GRPC_PORT: String(ports.grpc),
    WORK: work,
    MAX_BATCH: String(maxBatchSize),
    QUEUE_TIMEOUT_US: String(LONGEST_QUEUE_TIMEOUT_US),
    ...(queue.maxQueueSize !== undefined && { MAX_QUEUE_SIZE: String(queue.maxQueueSize) }),
    PYTHONPATH: resolve(PEERS),
    PYTHONDONTWRITEBYTECODE: '1',
    OMP_NUM_THREADS: '1',
    OPENBLAS_NUM_THREADS: '1',
  };
  const started = await startServer({ name, program: python, args: [join(PEERS, 'triton', 'serve.py')], env });
  // Never stopped by SIGSTOP: it would take its Python process, which cannot answer for a while, for dead. Idle it
  // costs no tick of the CPU in ten seconds.
  const awake = (): void => undefined;
  const server: ServerProcess = {
    ...started,
    pause: awake,
    resume: awake,
    stop: async () => {
      await started.stop();
      rmSync(work, { recursive: true, force: true });
    },
  };
  const origin = `http://127.0.0.1:${ports.http}`;
  try {
    await untilReady(origin, server);
  } catch (error) {
    await server.stop();
    throw new Error(`${(error as Error).message}\n${server.output()}`, { cause: error });
  }
  return { server, origin, address: `127.0.0.1:${ports.grpc}` };
}

async function untilReady(origin: string, server: ServerProcess): Promise<void> {
  for (const startedAt = performance.now(); performance.now() - startedAt < START_MS; await delay(POLL_MS)) {
    const ending = server.ending();
    if (ending !== undefined) throw new Error(`it ended ${ending} before it was ready`);
    const reply = await fetch(`${origin}/v2/health/ready`).catch(() => undefined);
    if (reply?.ok === true) return;
  }
  throw new Error(`it was not ready within ${START_MS / 1000} s`);
}

/**
 * The requests that the load generator sends it: each stream's requests may wait for as long as the stream's objective.
 */
export function tritonTarget(
  address: string,
  { models, streams }: Workload,
  rows: ReadonlyMap<string, ModelRow>,
  connections: number,
): JobTarget {
  return {
    address,
    path: MODEL_INFER_PATH,
    models: models.length,
    messages: streams.flatMap(({ objectiveMs }) =>
      models.map(({ name, file }) => inferMessage(name, rows.get(file)!, objectiveMs)),
    ),
    connections,
  };
}

/** Rejects unless every model answers as ONNX Runtime does. */
export async function requireTritonAnswers(
  origin: string,
  { models }: Workload,
  rows: ReadonlyMap<string, ModelRow>,
): Promise<void> {
  for (const { name, file } of models) await requireInference(origin, name, rows.get(file)!);
}

interface ModelStatistics {
  readonly name: string;
  readonly inference_count: number;
  readonly execution_count: number;
  readonly batch_stats: readonly { readonly batch_size: number; readonly compute_infer: { readonly count: number } }[];
}

/** The bounds that our own metrics have. */
const SIZE_BOUNDS = [1, 2, 4, 8, 16, 32];

/** Its statistics, in the form of our own server's. It gives no reasons. */
export async function readTritonMetrics(origin: string): Promise<BatchMetrics> {
  const reply = (await (await fetch(`${origin}/v2/models/stats`)).json()) as { model_stats: ModelStatistics[] };
  return tritonMetrics(reply.model_stats);
}

export function tritonMetrics(models: readonly ModelStatistics[]): BatchMetrics {
  const sizes = new Map<string, number>();
  for (const { batch_size: size, compute_infer: runs } of models.flatMap(({ batch_stats: stats }) => stats)) {
    const bound = String(SIZE_BOUNDS.find((candidate) => size <= candidate) ?? '+Inf');
    sizes.set(bound, (sizes.get(bound) ?? 0) + runs.count);
  }
  return {
    rows: new Map(models.map(({ name, inference_count: rows }) => [name, rows])),
    batches: new Map(models.map(({ name, execution_count: runs }) => [name, runs])),
    sizes,
    reasons: new Map(),
    predictionError: undefined,
  };
}
