/**
 * npm run bench -- telemetry: what telemetry costs a server that is asked for single rows of a small network over gRPC
 * at 32 connections. The same server three times, in turn, round by round:
 *
 *   off     no collector, no flight recorder, nothing kept
 *   1 %     a collector, one trace in a hundred sampled, slow and failed ones kept, flight recorder, a scrape a second
 *   100 %   the same with every trace sampled
 *
 *   node build/bench/telemetry/telemetry-bench.js MODELS_DIRECTORY [--seconds=2] [--rounds=7] [--connections=32]
 *
 * Metrics are always on: they are in `off` too. Prints a table, with the spans that did not reach the collector, and
 * writes bench/results/telemetry.json.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { grpcBody, requireGrpcAnswer } from '../load/requests.ts';
import { LAUNCHED } from '../support/launcher.ts';
import { h2load } from '../support/load-generators.ts';
import { describeMachine } from '../support/machine.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import { median, medianRatio } from '../support/statistics.ts';
import { takeTurns } from '../support/turns.ts';

const MODEL = 'mlp_small';
const SCRAPE_MS = 1000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '7' },
    connections: { type: 'string', default: '32' },
  },
});

interface Contestant {
  readonly name: string;
  readonly server: ServerProcess;
  readonly url: string;
  /** Scraped while it is measured; undefined = nobody does. */
  readonly metrics: string | undefined;
  /** The least share of the first one's requests a second. */
  readonly wanted: number;
}

interface Round {
  readonly requestsPerSecond: number;
  readonly cpuMicros: number;
}

async function startContestant(name: string, wanted: number, endpoint?: string, ratio?: string): Promise<Contestant> {
  const isOn = endpoint !== undefined;
  const server = await startServer({
    name,
    args: [
      ...LAUNCHED,
      'serve',
      `--model=${MODEL}=${join(positionals[0]!, MODEL)}`,
      ...['--port=0', '--rest_api_port=0', '--admin_port=0'],
      ...(isOn ? [] : ['--flight_recorder_max_mib=0', '--tail_keep_per_second=0']),
    ],
    env: isOn
      ? {
          OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
          OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
          OTEL_TRACES_SAMPLER_ARG: ratio!,
        }
      : {},
    isReady: (line) => line['event'] === 'ready',
  });
  const { grpc, admin } = server.ready as unknown as { grpc: string[]; admin: string };
  const port = grpc[0]!.slice(grpc[0]!.lastIndexOf(':') + 1);
  const url = `http://127.0.0.1:${port}/tensorflow.serving.PredictionService/Predict`;
  await requireGrpcAnswer(url, MODEL);
  return { name, server, url, wanted, metrics: isOn ? `http://${admin}/metrics` : undefined };
}

async function measure({ server, url, metrics }: Contestant): Promise<Round> {
  const accept = { accept: 'application/openmetrics-text' };
  const scraper =
    metrics === undefined
      ? undefined
      : setInterval(() => void fetch(metrics, { headers: accept }).then((page) => page.text()), SCRAPE_MS);
  const before = server.cpuSeconds();
  const seconds = Number(values.seconds);
  const result = await h2load({ url, connections: Number(values.connections), seconds, body: grpcBody(MODEL) });
  clearInterval(scraper);
  if (result.failed > 0) throw new Error(`${server.name}: ${result.failed} requests failed`);
  const cpuMicros = ((server.cpuSeconds() - before) / result.requests) * 1e6;
  return { requestsPerSecond: result.requestsPerSecond, cpuMicros };
}

async function inTurn(contestants: readonly Contestant[]): Promise<Round[][]> {
  for (const { server } of contestants) server.pause();
  return takeTurns(contestants, { rounds: Number(values.rounds), warmUpRounds: 1 }, async (contestant) => {
    contestant.server.resume();
    const round = await measure(contestant);
    // The contestant sends in its own time what it has left to send.
    await new Promise((resolve) => setTimeout(resolve, 200));
    contestant.server.pause();
    return round;
  });
}

/** Spans that did not reach the collector: what was not sent cost nothing to send. */
async function lostSpans({ metrics }: Contestant): Promise<number> {
  if (metrics === undefined) return 0;
  const page = await (await fetch(metrics)).text();
  const counts = page.matchAll(/^pillion_lost_spans_total\{.*\} (\d+)$/gm);
  return [...counts].reduce((total, [, count]) => total + Number(count), 0);
}

async function report(contestants: readonly Contestant[], rounds: readonly Round[][]): Promise<void> {
  for (const { server } of contestants) server.resume();
  const lost = await Promise.all(contestants.map(lostSpans));
  const rates = rounds.map((each) => each.map(({ requestsPerSecond }) => requestsPerSecond));
  const rows = contestants.map(({ name, wanted }, i) => ({
    name,
    requestsPerSecond: Math.round(median(rates[i]!)),
    cpuMicros: Number(median(rounds[i]!.map(({ cpuMicros }) => cpuMicros)).toFixed(1)),
    ratio: Number(medianRatio(rates[i]!, rates[0]!).toFixed(3)),
    wanted,
    lostSpans: lost[i]!,
  }));
  for (const { name, requestsPerSecond, cpuMicros, ratio, wanted, lostSpans } of rows) {
    const figures = `${requestsPerSecond} requests/s  ${cpuMicros} µs CPU  × ${ratio}  ${lostSpans} spans lost`;
    console.log(`${name.padEnd(8)} ${figures}${ratio < wanted ? `, but ${wanted} is wanted` : ''}`);
  }
  const { connections, seconds } = values;
  const record = { machine: describeMachine(), model: MODEL, connections, seconds, rows, rounds };
  writeFileSync('bench/results/telemetry.json', `${JSON.stringify(record, undefined, 2)}\n`);
}

const collector = await startServer({
  name: 'collector',
  args: ['build/bench/telemetry/collector.js'],
  isReady: (line) => 'port' in line,
});
const endpoint = `http://127.0.0.1:${collector.ready['port']}`;
const contestants = [
  await startContestant('off', 1),
  await startContestant('1 %', 0.9, endpoint, '0.01'),
  await startContestant('100 %', 0.6, endpoint, '1'),
];
try {
  await report(contestants, await inTurn(contestants));
} finally {
  for (const { server } of contestants) server.resume();
  await Promise.all([...contestants.map(({ server }) => server.stop()), collector.stop()]);
}
process.exit(0);
