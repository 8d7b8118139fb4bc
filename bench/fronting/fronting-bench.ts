/**
 * npm run bench -- fronting: what standing in front of an application costs, beside Envoy in front of the same one and
 * nothing in front of it. In turn, round by round, at a pace that each can keep:
 *
 *   h2load, so many requests a second ─▶ nothing | Pillion | Envoy ─▶ the application (node:http)
 *
 *   node build/bench/fronting/fronting-bench.js MODELS_DIRECTORY [--rates=500,2000] [--rounds=20] [--seconds=3]
 *     [--connections=16] [--envoy=PROGRAM]
 *
 * Prints medians of the rounds: latency that each adds to what the application takes alone, CPU for each request of the
 * process in front, and resident memory before the first request. Writes bench/results/fronting.json.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { pacedLoad } from '../support/load-generators.ts';
import { describeMachine } from '../support/machine.ts';
import { startServer } from '../support/server-process.ts';
import { median } from '../support/statistics.ts';
import { takeTurns } from '../support/turns.ts';
import { type Contestant, startEnvoy, startPillion } from './contestants.ts';

const MODEL = 'half_plus_two';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rates: { type: 'string', default: '500,2000' },
    rounds: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '16' },
    envoy: { type: 'string', default: process.env['PILLION_TEST_ENVOY'] ?? 'envoy' },
  },
});

interface Figure {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicros: number;
}

async function measure({ name, url, server }: Contestant, requestsPerSecond: number): Promise<Figure> {
  const [connections, seconds] = [Number(values.connections), Number(values.seconds)];
  const before = server.cpuSeconds();
  const load = await pacedLoad({ protocol: 'HTTP/1.1', url, connections, seconds, requestsPerSecond });
  const spent = server.cpuSeconds() - before;
  if (load.failed > 0) throw new Error(`${name}: ${load.failed} of ${load.requests} requests failed`);
  if (load.requests < 0.9 * requestsPerSecond * seconds) throw new Error(`${name} cannot keep ${requestsPerSecond}/s`);
  return { p50Ms: load.p50Ms, p99Ms: load.p99Ms, cpuMicros: (spent / load.requests) * 1e6 };
}

/** Medians of what each round adds to the round of the application alone. */
function rowOf(name: string, rounds: readonly Figure[], alone: readonly Figure[]): Figure & { name: string } {
  const added = (of: (figure: Figure) => number): number =>
    median(rounds.map((figure, i) => of(figure) - of(alone[i]!)));
  return {
    name,
    p50Ms: added(({ p50Ms }) => p50Ms),
    p99Ms: added(({ p99Ms }) => p99Ms),
    cpuMicros: median(rounds.map(({ cpuMicros }) => cpuMicros)),
  };
}

async function compare(contestants: readonly Contestant[], rate: number): Promise<object> {
  const turns = { rounds: Number(values.rounds), warmUpRounds: 1 };
  const rounds = await takeTurns(contestants, turns, (contestant) => measure(contestant, rate));
  const [direct, ...others] = contestants;
  const alone = rounds[0]!;
  const [p50, p99] = [median(alone.map(({ p50Ms }) => p50Ms)), median(alone.map(({ p99Ms }) => p99Ms))];
  console.log(`\n${rate} requests a second; ${direct!.name}: p50 ${p50.toFixed(3)} ms, p99 ${p99.toFixed(3)} ms`);
  const rows = others.map(({ name }, i) => rowOf(name, rounds[i + 1]!, alone));
  for (const { name, p50Ms, p99Ms, cpuMicros } of rows) {
    console.log(
      `  ${name.padEnd(8)} adds ${p50Ms.toFixed(3)} ms p50, ${p99Ms.toFixed(3)} ms p99; ${cpuMicros.toFixed(1)} µs CPU a request`,
    );
  }
  return { rate, p50, p99, rows, rounds };
}

const app = await startServer({
  name: 'app',
  args: ['build/bench/fronting/app.js'],
  isReady: (line) => 'port' in line,
});
const appPort = app.ready['port'] as number;
const contestants: Contestant[] = [{ name: 'nothing', url: `http://127.0.0.1:${appPort}/items/42`, server: app }];
try {
  contestants.push(await startPillion(appPort, `${MODEL}=${join(positionals[0]!, MODEL)}`));
  contestants.push(await startEnvoy(appPort, values.envoy));
  const idleMiB = contestants.map(({ name, server }) => [name, Math.round(server.residentBytes() / 2 ** 20)] as const);
  for (const [name, mib] of idleMiB.slice(1)) console.log(`${name.padEnd(8)} ${mib} MiB resident, idle`);
  const rates: object[] = [];
  for (const rate of values.rates.split(',')) rates.push(await compare(contestants, Number(rate)));
  const { connections, seconds } = values;
  const record = { machine: describeMachine(), connections, seconds, idleMiB: Object.fromEntries(idleMiB), rates };
  writeFileSync('bench/results/fronting.json', `${JSON.stringify(record, undefined, 2)}\n`);
} finally {
  await Promise.all(contestants.map(({ server }) => server.stop()));
}
process.exit(0);
