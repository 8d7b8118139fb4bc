/** A contestant that runs: `pillion serve` with a workload's models, warmed up, stopped (SIGSTOP) between its turns. */
import { join } from 'node:path';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import { argsOf, type Contestant } from './contestants.ts';
import { generateClosed, type JobTarget } from './generator-process.ts';
import { type ModelRow, PREDICT_PATH, predictMessage, requireAnswer } from './rows.ts';
import type { Workload } from './workload.ts';

export interface Entrant {
  readonly contestant: Contestant;
  readonly server: ServerProcess;
  /** For the load generator. */
  readonly target: JobTarget;
  /** Of REST. */
  readonly origin: string;
}

export interface EntrantOptions {
  /** Holds the model files' directories. */
  readonly models: string;
  /** By model file. */
  readonly rows: ReadonlyMap<string, ModelRow>;
  readonly help: string;
  readonly warmUpMs: number;
}

/** What is due together goes over one of them, in turn. Their streams, 1,024 each, are the bound of a server that stalls. */
const CONNECTIONS = 8;
const PORTS = ['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1', '--log_level=info'];

/** Of an entrant's server: workloads that give the same can share it. */
export function setupOf({ models, maxBatchSize, serveArgs }: Workload): string {
  return JSON.stringify([models.map(({ name, file }) => [name, file]), maxBatchSize, serveArgs]);
}

/** Rejects with the server's output when it does not start or answers wrongly. It has been paused. */
export async function startEntrant(
  contestant: Contestant,
  workload: Workload,
  options: EntrantOptions,
): Promise<Entrant> {
  const args = argsOf(contestant, options.help);
  if (args === undefined)
    throw new Error(`the server has no flag ${contestant.needs?.map((flag) => `--${flag}`).join(', ')}`);
  const models = workload.models.map(({ name, file }) => `--model=${name}=${join(options.models, file)}`);
  const size = `--max_batch_size=${workload.maxBatchSize}`;
  const server = await startServer({
    name: contestant.name,
    args: ['dist/main.js', 'serve', ...PORTS, ...models, size, ...workload.serveArgs, ...args],
    isReady: (line) => line['event'] === 'ready',
  });
  try {
    const entrant = entrantOf(contestant, server, workload, options);
    for (const { name, file } of workload.models) await requireAnswer(entrant.origin, name, options.rows.get(file)!);
    await warmUp(entrant, workload, options.warmUpMs);
    server.pause();
    return entrant;
  } catch (error) {
    await server.stop();
    throw new Error(`${(error as Error).message}\n${server.output()}`, { cause: error });
  }
}

function entrantOf(
  contestant: Contestant,
  server: ServerProcess,
  workload: Workload,
  { rows }: EntrantOptions,
): Entrant {
  const address = (surface: string): string => (server.ready[surface] as string[])[0]!;
  return {
    contestant,
    server,
    origin: `http://${address('rest')}`,
    target: {
      address: address('grpc'),
      path: PREDICT_PATH,
      messages: workload.models.map(({ name, file }) => predictMessage(name, rows.get(file)!)),
      connections: CONNECTIONS,
    },
  };
}

/** Every model at every size of batch: what compiles or learns has done so. */
async function warmUp({ target }: Entrant, workload: Workload, warmUpMs: number): Promise<void> {
  const models = workload.models.map((_, i) => i);
  const calls = workload.maxBatchSize * Math.min(4, models.length + 1);
  await generateClosed(target, { models, zipf: 0, calls, warmUpMs: 0, measureMs: warmUpMs, seed: 1 });
}
