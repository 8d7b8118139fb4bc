/**
 * npm run bench -- crash: does the crash of one model's process move another's tail latency, and is every request
 * answered?
 *
 *   node build/bench/crash/crash-bench.js MODELS_DIRECTORY [--rounds=5] [--kills=10] [--every=1000] [--rate=1000]
 *
 * Model A (128-512-512-10) answers `rate` requests a second over gRPC all the time. Model B, a network of 50 MB in a
 * process of its own, has more callers than it can serve at once, so that it is always in mid-batch; in every second
 * phase its process is killed (SIGKILL) `kills` times, `every` milliseconds apart. A phase without kills lasts as long.
 *
 * Prints and writes bench/results/crash.json: A's p99 with kills over that without, phase by phase; how B's requests
 * ended; and whether a process was left behind.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { grpcBody, requireGrpcAnswer } from '../load/requests.ts';
import { type LoadResult, pacedLoad } from '../support/load-generators.ts';
import { describeMachine } from '../support/machine.ts';
import { processTree } from '../support/process-tree.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import { median } from '../support/statistics.ts';
import { startCallers } from './callers.ts';

const SMALL = 'mlp_small';
const BIG = 'mlp_big';
const BIG_WIDTH = 1024;
const CONNECTIONS = 16;
const CALLERS = 4;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    kills: { type: 'string', default: '10' },
    every: { type: 'string', default: '1000' },
    rate: { type: 'string', default: '1000' },
  },
});

interface Phase {
  readonly kills: number;
  readonly load: LoadResult;
  readonly endings: Readonly<Record<string, number>>;
}

async function start(models: string): Promise<ServerProcess> {
  const server = await startServer({
    name: 'Pillion',
    program: 'bin/pillion',
    args: [
      ...['serve', '--port=0', '--rest_api_port=0', '--admin_port=0', '--num_batch_threads=1'],
      ...[`--model=${SMALL}=${join(models, SMALL)},host=inline`, `--model=${BIG}=${join(models, BIG)},isolate=true`],
    ],
    isReady: (line) => line['event'] === 'ready',
  });
  await requireGrpcAnswer(predictUrl(server), SMALL);
  return server;
}

async function phase(server: ServerProcess, kills: number): Promise<Phase> {
  const everyMs = Number(values.every);
  const seconds = Math.ceil((Number(values.kills) * everyMs) / 1000);
  const row = Array.from({ length: BIG_WIDTH }, (_, i) => Math.fround(Math.sin(i)));
  const url = `http://127.0.0.1:${portOf(server.ready['rest'])}/v1/models/${BIG}:predict`;
  const callers = startCallers(url, new TextEncoder().encode(JSON.stringify({ instances: [row] })), CALLERS);
  const loading = pacedLoad({
    protocol: 'gRPC',
    url: predictUrl(server),
    connections: CONNECTIONS,
    streams: 32,
    seconds,
    body: grpcBody(SMALL),
    requestsPerSecond: Number(values.rate),
  });
  let killed = 0;
  while (killed < kills) {
    await pause(everyMs / 2);
    for (const pid of modelProcesses(server)) process.kill(pid, 'SIGKILL');
    killed += 1;
    await pause(everyMs / 2);
  }
  const load = await loading;
  const { byStatus } = await callers.stop();
  return { kills: killed, load, endings: Object.fromEntries(byStatus) };
}

function modelProcesses({ pid }: ServerProcess): readonly number[] {
  return processTree(pid).filter((each) => each !== pid);
}

/** The processes that are left when their restarts are over: one that lives, no zombie. */
async function leftBehind(server: ServerProcess): Promise<readonly string[]> {
  await pause(3000);
  return modelProcesses(server).map((pid) => /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]!);
}

function predictUrl(server: ServerProcess): string {
  return `http://127.0.0.1:${portOf(server.ready['grpc'])}/tensorflow.serving.PredictionService/Predict`;
}

function portOf(addresses: unknown): string {
  const [address] = addresses as string[];
  return address!.slice(address!.lastIndexOf(':') + 1);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const server = await start(positionals[0]!);
const phases: Phase[] = [];
await phase(server, 0);
for (let round = 0; round < Number(values.rounds); round++) {
  phases.push(await phase(server, 0), await phase(server, Number(values.kills)));
  process.stderr.write(`\rround ${round + 1} of ${values.rounds}   `);
}
process.stderr.write('\n');
const states = await leftBehind(server);
await server.stop();

const calm = phases.filter(({ kills }) => kills === 0);
const crashing = phases.filter(({ kills }) => kills > 0);
const p99 = (some: readonly Phase[]): number[] => some.map(({ load }) => load.p99Ms);
const ratios = p99(crashing).map((ms, i) => ms / p99(calm)[i]!);
const endings: Record<string, number> = {};
for (const { endings: some } of crashing) {
  for (const [status, count] of Object.entries(some)) endings[status] = (endings[status] ?? 0) + count;
}
const kills = crashing.reduce((sum, each) => sum + each.kills, 0);
console.log(
  `${kills} kills in mid-batch; requests to the killed model by status (0 = no answer): ${JSON.stringify(endings)}`,
);
console.log(
  `another model's p99: ${median(p99(calm)).toFixed(2)} ms without, ${median(p99(crashing)).toFixed(2)} ms with kills: ` +
    `${median(ratios).toFixed(2)}× (phases ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')})`,
);
console.log(`of its requests ${phases.reduce((sum, { load }) => sum + load.failed, 0)} failed`);
console.log(`processes afterwards: ${states.join(' ')}`);
const results = { machine: describeMachine(), options: values, phases, statesAfterwards: states };
writeFileSync('bench/results/crash.json', `${JSON.stringify(results, null, 2)}\n`);
