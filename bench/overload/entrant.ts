/** A contestant that runs: a server with a workload's models, warmed up, stopped (SIGSTOP) between its turns. */
import { join } from 'node:path';
import { serveCommand } from '../support/checkout.ts';
import { FREE_PORTS, LAUNCHED } from '../support/launcher.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import type { Metadata } from './client/request-bytes.ts';
import { argsOf, type Contestant } from './contestants.ts';
import { generateClosed, generateOpen, type JobTarget } from './generator-process.ts';
import { type ModelRow, PREDICT_PATH, predictMessage, requireAnswer } from './rows.ts';
import { type BatchMetrics, readMetrics } from './server-metrics.ts';
import { readTritonMetrics, requireTritonAnswers, startTriton, tritonTarget } from './triton.ts';
import type { Workload } from './workload.ts';

export interface Entrant {
  readonly contestant: Contestant;
  readonly server: ServerProcess;
  /** One workload's requests for the load generator. */
  readonly targetOf: (workload: Workload) => JobTarget;
  readonly readMetrics: () => Promise<BatchMetrics>;
}

export interface EntrantOptions {
  /** Holds the model files' directories. */
  readonly models: string;
  /** Rows by model file. */
  readonly rows: ReadonlyMap<string, ModelRow>;
  readonly help: string;
  readonly warmUpMs: number;
}

/**
 * Requests that are due together go over one of them, in turn. Their streams, 1,024 each, are the bound of a server
 * that stalls.
 */
const CONNECTIONS = 8;
const PORTS = [...FREE_PORTS, '--log_level=info'];

/** A key of an entrant's server: workloads with the same key can share it. */
export function setupOf({ models, maxBatchSize, serveArgs, callerHeader }: Workload): string {
  return JSON.stringify([models.map(({ name, file }) => [name, file]), maxBatchSize, serveArgs, callerHeader ?? '']);
}

/** Rejects with the server's output when it does not start or answers wrongly. It has been paused. */
export async function startEntrant(
  contestant: Contestant,
  workload: Workload,
  options: EntrantOptions,
): Promise<Entrant> {
  const entrant = await (contestant.triton === undefined
    ? startPillion(contestant, workload, options)
    : startPeer(contestant, workload, options));
  const { server } = entrant;
  try {
    await warmUp(entrant, workload, options.warmUpMs);
    server.pause();
    return entrant;
  } catch (error) {
    await server.stop();
    throw new Error(`${(error as Error).message}\n${server.output()}`, { cause: error });
  }
}

/** The other contestants, which are stopped meanwhile, would not be in the control group of its container. */
export const AS_IN_A_CONTAINER = ['--run_priority=low'];

async function startPillion(contestant: Contestant, workload: Workload, options: EntrantOptions): Promise<Entrant> {
  const args = argsOf(contestant, options.help);
  if (args === undefined)
    throw new Error(`the server has no flag ${contestant.needs?.map((flag) => `--${flag}`).join(', ')}`);
  const { models, maxBatchSize, serveArgs, callerHeader } = workload;
  const modelArgs = models.map(({ name, file }) => `--model=${name}=${join(options.models, file)}`);
  const callerArgs =
    contestant.isOurs === true && callerHeader !== undefined ? [`--caller_header=${callerHeader}`] : [];
  const own = [...modelArgs, `--max_batch_size=${maxBatchSize}`, ...callerArgs, ...serveArgs, ...args];
  const { name, checkout } = contestant;
  const server = await startServer(
    checkout === undefined
      ? {
          name,
          args: [...LAUNCHED, 'serve', ...PORTS, ...AS_IN_A_CONTAINER, ...own],
          isReady: (line) => line['event'] === 'ready',
        }
      : serveCommand(checkout, ['--log_level=info', ...own]),
  );
  const address = (surface: string): string => (server.ready[surface] as string[])[0]!;
  const origin = `http://${address('rest')}`;
  try {
    for (const { name, file } of models) await requireAnswer(origin, name, options.rows.get(file)!);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return {
    contestant,
    server,
    targetOf: (each) => pillionTarget(address('grpc'), each, options.rows),
    readMetrics: () => readMetrics(origin),
  };
}

/** Streams send alike unless they have callers. */
export function pillionTarget(address: string, workload: Workload, rows: ReadonlyMap<string, ModelRow>): JobTarget {
  const { models, streams, callerHeader } = workload;
  const messages = models.map(({ name, file }) => predictMessage(name, rows.get(file)!));
  const common = { address, path: PREDICT_PATH, connections: CONNECTIONS };
  if (callerHeader === undefined) return { ...common, messages };
  const callers = streams.map(({ caller }): Metadata | null => (caller === undefined ? null : [callerHeader, caller]));
  return {
    ...common,
    models: models.length,
    messages: streams.flatMap(() => messages),
    metadata: callers.flatMap((caller) => messages.map(() => caller)),
  };
}

async function startPeer(contestant: Contestant, workload: Workload, options: EntrantOptions): Promise<Entrant> {
  const files = workload.models.map(({ name, file }) => [name, join(options.models, file, '1', 'model.onnx')]);
  const { server, address, origin } = await startTriton(
    contestant.name,
    contestant.triton!,
    Object.fromEntries(files) as Record<string, string>,
    workload.maxBatchSize,
  );
  try {
    await requireTritonAnswers(origin, workload, options.rows);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return {
    contestant,
    server,
    targetOf: (each) => tritonTarget(address, each, options.rows, CONNECTIONS),
    readMetrics: () => readTritonMetrics(origin),
  };
}

/** Every model at every size of batch: what compiles or learns has done so. */
async function warmUp({ targetOf }: Entrant, workload: Workload, warmUpMs: number): Promise<void> {
  const models = workload.models.map((_, i) => i);
  const calls = workload.maxBatchSize * Math.min(4, models.length + 1);
  const target = targetOf(workload);
  const loop = { models, zipf: 0, calls, warmUpMs: 0, measureMs: warmUpMs, seed: 1 };
  const { answersPerSecond } = await generateClosed(target, loop);
  await overloadOnce(target, workload, answersPerSecond, warmUpMs);
}

/** Has the code that refuses compiled, too, by the workload's own requests at twice the rate that was just answered. */
async function overloadOnce(target: JobTarget, workload: Workload, capacity: number, lengthMs: number): Promise<void> {
  const load = workload.streams.reduce((sum, stream) => sum + stream.load, 0);
  const capacities = workload.streams.map(() => (2 * Math.max(1, capacity)) / load);
  const plan = { capacities, seconds: lengthMs / 1000, leadInMs: 0, seed: 1 };
  await generateOpen({ target, workload, plan });
}
