/**
 * npm run bench -- load: single rows of a 128-512-512-10 network at several numbers of connections, Pillion beside what
 * a developer would write first (Fastify or grpc-js with onnxruntime-node) and beside itself on grpc-js, in the same
 * run, round by round in turn.
 *
 *   node build/bench/load/load-bench.js MODELS_DIRECTORY [--seconds=3] [--rounds=5] [--connections=1,8,32,64]
 *
 * Prints a table and writes bench/results/load.json. Compare only figures of one run: the machine's mood is in all.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { LAUNCHED } from '../support/launcher.ts';
import { h2load, type LoadResult, wrk } from '../support/load-generators.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import { median, medianRatio } from '../support/statistics.ts';
import { type HalfResult, measureHalf } from './half-capacity.ts';
import { grpcBody, requireGrpcAnswer, requireRestAnswer, restBody } from './requests.ts';

const MODEL = 'mlp_small';
const SETTLE_SECONDS = 1;
/** Connections with which latency at half of capacity is measured. */
const HALF_CONNECTIONS = 32;

interface Contestant {
  readonly server: ServerProcess;
  readonly surface: 'REST' | 'gRPC';
  readonly url: string;
}

interface Round extends LoadResult {
  readonly server: string;
  readonly surface: string;
  readonly connections: number;
  /** CPU µs a request, of the server's whole process. */
  readonly cpuMicros: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '1,8,32,64' },
  },
});

async function startAll(models: string): Promise<{ servers: ServerProcess[]; contestants: Contestant[] }> {
  const model = join(models, MODEL, '1', 'model.onnx');
  const hasPort = (line: Record<string, unknown>): boolean => 'port' in line;
  const pillionArgs = [
    ...LAUNCHED,
    'serve',
    `--model=${MODEL}=${join(models, MODEL)}`,
    '--port=0',
    '--rest_api_port=0',
    '--admin_port=0',
  ];
  const pillion = await startServer({
    name: 'Pillion',
    args: pillionArgs,
    isReady: (line) => line['event'] === 'ready',
  });
  const onGrpcJs = await startServer({
    name: 'Pillion on grpc-js',
    args: [...pillionArgs, '--http2_engine=grpc-js'],
    isReady: (line) => line['event'] === 'ready',
  });
  const fastify = await startServer({
    name: 'Fastify',
    args: ['build/bench/plain/fastify-server.js', model],
    isReady: hasPort,
  });
  const grpcJs = await startServer({
    name: 'grpc-js',
    args: ['build/bench/plain/grpc-js-server.js', model],
    isReady: hasPort,
  });
  const { grpc, rest } = pillion.ready as unknown as { grpc: string[]; rest: string[] };
  const { grpc: second } = onGrpcJs.ready as unknown as { grpc: string[] };
  const restPath = `/v1/models/${MODEL}:predict`;
  const grpcPath = '/tensorflow.serving.PredictionService/Predict';
  return {
    servers: [pillion, onGrpcJs, fastify, grpcJs],
    contestants: [
      { server: pillion, surface: 'REST', url: `http://127.0.0.1:${portOf(rest)}${restPath}` },
      { server: fastify, surface: 'REST', url: `http://127.0.0.1:${fastify.ready['port']}${restPath}` },
      { server: pillion, surface: 'gRPC', url: `http://127.0.0.1:${portOf(grpc)}${grpcPath}` },
      { server: onGrpcJs, surface: 'gRPC', url: `http://127.0.0.1:${portOf(second)}${grpcPath}` },
      { server: grpcJs, surface: 'gRPC', url: `http://127.0.0.1:${grpcJs.ready['port']}${grpcPath}` },
    ],
  };
}

function portOf(addresses: readonly string[]): string {
  return addresses[0]!.slice(addresses[0]!.lastIndexOf(':') + 1);
}

async function measure(contestant: Contestant, connections: number, seconds: number): Promise<Round> {
  const { server, surface, url } = contestant;
  const before = server.cpuSeconds();
  const result =
    surface === 'REST'
      ? await wrk({ url, connections, seconds, body: restBody() })
      : await h2load({ url, connections, seconds, body: grpcBody(MODEL) });
  const cpuMicros = ((server.cpuSeconds() - before) / result.requests) * 1e6;
  return { ...result, server: server.name, surface, connections, cpuMicros };
}

async function runRounds(contestants: readonly Contestant[]): Promise<Round[]> {
  const [seconds, rounds] = [Number(values.seconds), Number(values.rounds)];
  for (const contestant of contestants) {
    await (contestant.surface === 'REST'
      ? requireRestAnswer(contestant.url)
      : requireGrpcAnswer(contestant.url, MODEL));
    await measure(contestant, 32, SETTLE_SECONDS);
  }
  const all: Round[] = [];
  for (const connections of values.connections.split(',').map(Number)) {
    for (let round = 0; round < rounds; round++) {
      for (const contestant of contestants) all.push(await measure(contestant, connections, seconds));
      process.stderr.write(`\r${connections} connections, round ${round + 1} of ${rounds}   `);
    }
  }
  process.stderr.write('\n');
  return all;
}

/** Measures Pillion at half of its capacity, on both surfaces. */
async function runHalf(contestants: readonly Contestant[], rounds: readonly Round[]): Promise<HalfResult[]> {
  const results: HalfResult[] = [];
  const ours = contestants.filter(({ server }) => server.name === 'Pillion');
  const metricsOrigin = new URL(ours.find(({ surface }) => surface === 'REST')!.url).origin;
  for (const { server, surface, url } of ours) {
    const isMeasured = (r: Round): boolean =>
      r.server === server.name && r.surface === surface && r.connections === HALF_CONNECTIONS;
    const measured = rounds.filter(isMeasured);
    if (measured.length === 0) continue;
    const capacity = median(measured.map((r) => r.requestsPerSecond));
    const body = surface === 'REST' ? restBody() : grpcBody(MODEL);
    const seconds = 2 * Number(values.seconds);
    results.push(
      await measureHalf({ surface, url, metricsOrigin, body, connections: HALF_CONNECTIONS, seconds, capacity }),
    );
  }
  return results;
}

function reportHalf(results: readonly HalfResult[]): void {
  for (const { surface, connections, requestsPerSecond, p50Ms, p99Ms, stallMs } of results) {
    console.log(
      `Pillion ${surface}, ${connections} connections, at half of that: ${requestsPerSecond.toFixed(0)} requests/s, ` +
        `p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms (${(p99Ms / p50Ms).toFixed(1)}×); ` +
        `the event loop was late by ${stallMs} ms at most`,
    );
  }
}

function report(all: readonly Round[]): void {
  const columns = ['', 'connections', 'req/s', 'p50 ms', 'p99 ms', 'CPU µs/req', '÷ plain'];
  console.log(`| ${columns.join(' | ')} |\n|${columns.map(() => '---').join('|')}|`);
  for (const [surface, plainName] of [
    ['REST', 'Fastify'],
    ['gRPC', 'grpc-js'],
  ] as const) {
    for (const connections of values.connections.split(',').map(Number)) {
      const rounds = all.filter((r) => r.surface === surface && r.connections === connections);
      const of = (server: string): Round[] => rounds.filter((r) => r.server === server);
      const perSecond = (r: Round): number => r.requestsPerSecond;
      for (const server of new Set(rounds.map((r) => r.server))) {
        const ratio = medianRatio(of(server).map(perSecond), of(plainName).map(perSecond));
        console.log(tableLine(`${server} ${surface}`, of(server), `${ratio.toFixed(2)}×`));
      }
    }
  }
  const failed = all.reduce((sum, r) => sum + r.failed, 0);
  console.log(
    `\n${failed} requests failed. Medians of ${values.rounds} rounds of ${values.seconds} s; ÷ is the median of each round's ratio.`,
  );
}

function tableLine(name: string, rounds: readonly Round[], ratio: string): string {
  const of = (pick: (r: Round) => number, digits: number): string => median(rounds.map(pick)).toFixed(digits);
  const cells = [
    of((r) => r.requestsPerSecond, 0),
    of((r) => r.p50Ms, 2),
    of((r) => r.p99Ms, 2),
    of((r) => r.cpuMicros, 0),
  ];
  return `| ${[name, rounds[0]!.connections, ...cells, ratio].join(' | ')} |`;
}

const { servers, contestants } = await startAll(positionals[0]!);
try {
  const rounds = await runRounds(contestants);
  report(rounds);
  const half = await runHalf(contestants, rounds);
  reportHalf(half);
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
  writeFileSync(
    'bench/results/load.json',
    `${JSON.stringify({ model: MODEL, machine, half, rounds }, undefined, 1)}\n`,
  );
} finally {
  await Promise.all(servers.map((server) => server.stop()));
}
