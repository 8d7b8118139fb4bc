/**
 * npm run bench -- profile: where a request's microseconds go, by stage, from samples of the whole process under load:
 * the kernel, the runtime, V8 and our own code, compiled code by name.
 *
 *   node build/bench/profile/request-path.js MODELS_DIRECTORY [--seconds=5] [--connections=32]
 *
 * Needs Linux's perf, and leave to use it (kernel.perf_event_paranoid of 1 at most, or root). Samples cost a few per
 * cent: the shares count, the sum is scaled to the CPU of the process.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs, promisify } from 'node:util';
import { grpcBody, restBody } from '../load/requests.ts';
import { LAUNCHED } from '../support/launcher.ts';
import { h2load, type LoadResult, wrk } from '../support/load-generators.ts';
import { describeMachine } from '../support/machine.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import { type Stage, stageOf } from './stages.ts';

const MODEL = 'mlp_small';
const WARM_UP_SECONDS = 3;
/** Seconds of the load before and after the samples, which are taken in its middle. */
const MARGIN_SECONDS = 1;
const SAMPLES_PER_SECOND = 4000;
const RESULTS = 'bench/results/request-path.json';

interface Budget {
  readonly surface: 'REST' | 'gRPC';
  /** CPU µs a request, of all the process's threads. */
  readonly cpuMicros: number;
  readonly requestsPerSecond: number;
  /** The parts of `cpuMicros`. */
  readonly stages: Readonly<Partial<Record<Stage, number>>>;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '5' }, connections: { type: 'string', default: '32' } },
});
const connections = Number(values.connections);

function startPillion(models: string): Promise<ServerProcess> {
  return startServer({
    name: 'Pillion',
    args: [
      '--perf-basic-prof',
      '--interpreted-frames-native-stack',
      ...LAUNCHED,
      'serve',
      `--model=${MODEL}=${join(models, MODEL)}`,
      ...['--port=0', '--rest_api_port=0', '--admin_port=0'],
    ],
    isReady: (line) => line['event'] === 'ready',
  });
}

function load(server: ServerProcess, surface: Budget['surface'], seconds: number): Promise<LoadResult> {
  const { grpc, rest } = server.ready as unknown as { grpc: string[]; rest: string[] };
  const origin = (address: string): string => `http://127.0.0.1:${address.slice(address.lastIndexOf(':') + 1)}`;
  return surface === 'REST'
    ? wrk({ url: `${origin(rest[0]!)}/v1/models/${MODEL}:predict`, connections, seconds, body: restBody() })
    : h2load({
        url: `${origin(grpc[0]!)}/tensorflow.serving.PredictionService/Predict`,
        connections,
        seconds,
        body: grpcBody(MODEL),
      });
}

/** perf's samples as stacks, innermost frame first: "symbol (file)" each. */
async function sample(pid: number, seconds: number): Promise<string[][]> {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-profile-'));
  const file = join(directory, 'perf.data');
  try {
    const record = ['record', '-F', String(SAMPLES_PER_SECOND), '-g', '-p', String(pid), '-o', file];
    await promisify(execFile)('perf', [...record, '--', 'sleep', String(seconds)]);
    const script = ['script', '-i', file, '-F', 'ip,sym,dso'];
    const text = execFileSync('perf', script, { maxBuffer: 2 ** 30, stdio: ['ignore', 'pipe', 'ignore'] }).toString();
    return text.split('\n\n').flatMap((block) => {
      const frames = block.split('\n').flatMap((line) => /^\s*[0-9a-f]+ (.*)$/.exec(line)?.[1] ?? []);
      return frames.length === 0 ? [] : [frames];
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function budgetOf(server: ServerProcess, surface: Budget['surface'], seconds: number): Promise<Budget> {
  await load(server, surface, WARM_UP_SECONDS);
  const before = server.cpuSeconds();
  const under = load(server, surface, seconds + 2 * MARGIN_SECONDS);
  await new Promise((resolve) => setTimeout(resolve, MARGIN_SECONDS * 1000));
  const stacks = await sample(server.pid, seconds);
  const { requests, requestsPerSecond } = await under;
  const cpuMicros = ((server.cpuSeconds() - before) / requests) * 1e6;
  const counts: Partial<Record<Stage, number>> = {};
  for (const stack of stacks) {
    const stage = stageOf(stack);
    counts[stage] = (counts[stage] ?? 0) + 1;
  }
  const entries = Object.entries(counts).sort(([, a], [, b]) => b - a);
  const micros = (count: number): number => Number(((count / stacks.length) * cpuMicros).toFixed(2));
  const stages = Object.fromEntries(entries.map(([stage, count]) => [stage, micros(count)]));
  return { surface, cpuMicros: Number(cpuMicros.toFixed(1)), requestsPerSecond: Math.round(requestsPerSecond), stages };
}

function print({ surface, cpuMicros, requestsPerSecond, stages }: Budget): void {
  console.log(
    `\n${surface}, ${connections} connections: ${cpuMicros} µs of CPU a request, ${requestsPerSecond} requests/s`,
  );
  for (const [stage, micros] of Object.entries(stages)) console.log(`  ${micros.toFixed(2).padStart(6)} µs  ${stage}`);
}

const server = await startPillion(positionals[0]!);
try {
  const budgets: Budget[] = [];
  for (const surface of ['gRPC', 'REST'] as const) {
    const budget = await budgetOf(server, surface, Number(values.seconds));
    print(budget);
    budgets.push(budget);
  }
  const results = { machine: describeMachine(), model: MODEL, connections, budgets };
  writeFileSync(RESULTS, `${JSON.stringify(results, undefined, 1)}\n`);
} finally {
  await server.stop();
}
process.exit();
