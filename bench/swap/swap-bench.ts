/**
 * npm run bench -- swap: does loading one model move another's tail latency, and does memory come back?
 *
 *   node build/bench/swap/swap-bench.js MODELS_DIRECTORY [--rounds=4] [--swaps=5] [--rate=5000] [--cycles=200]
 *
 * Model A (128-512-512-10) answers `rate` requests a second over gRPC all the time; in every second phase a network of
 * 50 MB beside it loads, warms up and replaces its predecessor `swaps` times. Two servers in turn: as it is, and with
 * model B loaded and run on the serving thread (`host=inline`). Then `cycles` swaps without load, for the memory.
 *
 * Prints both and writes bench/results/swap.json.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { grpcBody, requireGrpcAnswer } from '../load/requests.ts';
import { type LoadResult, pacedLoad } from '../support/load-generators.ts';
import { describeMachine } from '../support/machine.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import { median, quantile } from '../support/statistics.ts';
import { ChangingModel } from './changing-model.ts';

const SMALL = 'mlp_small';
const BIG = 'mlp_big';
const CONNECTIONS = 32;
/** Calls of a connection at once: none waits for another's answer, so that no stall hides. */
const STREAMS = 32;
const QUIET_SECONDS = 5;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '4' },
    swaps: { type: 'string', default: '5' },
    rate: { type: 'string', default: '5000' },
    cycles: { type: 'string', default: '200' },
  },
});

interface Phase {
  readonly kind: 'quiet' | 'swapping';
  readonly load: LoadResult;
  readonly swapMs: readonly number[];
}

class Contestant {
  readonly name: string;
  readonly model: ChangingModel;
  readonly phases: Phase[] = [];
  readonly #server: ServerProcess;
  #answerBytes = 0;

  private constructor(name: string, model: ChangingModel, server: ServerProcess) {
    this.name = name;
    this.model = model;
    this.#server = server;
  }

  static async start(name: string, models: string, host: string): Promise<Contestant> {
    const model = new ChangingModel(mkdtempSync(join(tmpdir(), 'pillion-swap-')), join(models, BIG, '1', 'model.onnx'));
    model.publish();
    const args = [
      ...['serve', '--port=0', '--rest_api_port=0', '--admin_port=0'],
      ...[`--model=${SMALL}=${join(models, SMALL)}`, `--model=${BIG}=${model.basePath}${host}`],
    ];
    const server = await startServer({
      name,
      program: 'bin/pillion',
      args,
      isReady: (line) => line['event'] === 'ready',
    });
    const contestant = new Contestant(name, model, server);
    await requireGrpcAnswer(contestant.#predictUrl, SMALL);
    contestant.#answerBytes = perRequest(await contestant.#load(2));
    return contestant;
  }

  async quiet(seconds: number): Promise<number> {
    const load = await this.#load(seconds);
    this.#note({ kind: 'quiet', load, swapMs: [] });
    return load.p99Ms;
  }

  /** The load lasts as long as the swaps are expected to, and they go on as long as it lasts. */
  async swapping(seconds: number, swaps: number): Promise<number> {
    let isOver = false;
    const loading = this.#load(seconds).finally(() => {
      isOver = true;
    });
    const swapMs: number[] = [];
    while (!isOver && swapMs.length < swaps) swapMs.push(await this.model.swap(this.statusUrl));
    const load = await loading;
    this.#note({ kind: 'swapping', load, swapMs });
    return load.p99Ms;
  }

  get statusUrl(): string {
    return `http://127.0.0.1:${portOf(this.#server.ready['rest'])}/v1/models/${BIG}`;
  }

  get residentBytes(): number {
    return this.#server.residentBytes();
  }

  pause(): void {
    this.#server.pause();
  }

  resume(): void {
    this.#server.resume();
  }

  async stop(): Promise<void> {
    await this.#server.stop();
    rmSync(this.model.basePath, { recursive: true, force: true });
  }

  get #predictUrl(): string {
    return `http://127.0.0.1:${portOf(this.#server.ready['grpc'])}/tensorflow.serving.PredictionService/Predict`;
  }

  #load(seconds: number): Promise<LoadResult> {
    const requestsPerSecond = Number(values.rate);
    const body = grpcBody(SMALL);
    return pacedLoad({
      protocol: 'gRPC',
      url: this.#predictUrl,
      connections: CONNECTIONS,
      streams: STREAMS,
      seconds,
      body,
      requestsPerSecond,
    });
  }

  /** An error of gRPC is a 200 without DATA: answers are counted by their bytes. */
  #note(phase: Phase): void {
    const { load } = phase;
    const answered = Math.round((load.dataBytes ?? 0) / this.#answerBytes);
    const failed = load.failed + Math.max(0, load.requests - answered);
    this.phases.push({ ...phase, load: { ...load, failed } });
  }
}

function perRequest({ dataBytes, requests }: LoadResult): number {
  return (dataBytes ?? 0) / requests;
}

function portOf(addresses: unknown): string {
  const [address] = addresses as string[];
  return address!.slice(address!.lastIndexOf(':') + 1);
}

async function measureSwaps(models: string): Promise<Contestant[]> {
  const contestants = [
    await Contestant.start('Pillion', models, ''),
    await Contestant.start('loaded on the serving thread', models, ',host=inline'),
  ];
  for (const contestant of contestants) contestant.pause();
  const swaps = Number(values.swaps);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const contestant of contestants) {
      contestant.resume();
      await contestant.quiet(QUIET_SECONDS);
      await contestant.swapping(2 * swaps, swaps);
      contestant.pause();
    }
    process.stderr.write(`\rround ${round + 1} of ${values.rounds}   `);
  }
  process.stderr.write('\n');
  for (const contestant of contestants) {
    contestant.resume();
    await contestant.stop();
  }
  return contestants;
}

interface Memory {
  readonly afterFirstMib: number;
  readonly everyTenthMib: readonly number[];
}

/** The process's resident memory after each tenth swap. */
async function measureMemory(models: string, cycles: number): Promise<Memory> {
  const contestant = await Contestant.start('Pillion', models, '');
  const mib = (): number => Math.round(contestant.residentBytes / 2 ** 20);
  await contestant.model.swap(contestant.statusUrl);
  const afterFirstMib = mib();
  const everyTenthMib: number[] = [];
  for (let cycle = 2; cycle <= cycles; cycle++) {
    await contestant.model.swap(contestant.statusUrl);
    if (cycle % 10 !== 0) continue;
    everyTenthMib.push(mib());
    process.stderr.write(`\r${cycle} swaps, ${mib()} MiB   `);
  }
  process.stderr.write('\n');
  await contestant.stop();
  return { afterFirstMib, everyTenthMib };
}

function report({ name, phases }: Contestant): void {
  const of = (kind: Phase['kind']): readonly Phase[] => phases.filter((phase) => phase.kind === kind);
  const p99 = (kind: Phase['kind']): number[] => of(kind).map(({ load }) => load.p99Ms);
  const ratio = median(p99('swapping').map((value, i) => value / p99('quiet')[i]!));
  const swaps = of('swapping').flatMap(({ swapMs }) => swapMs);
  const failed = phases.reduce((sum, { load }) => sum + load.failed, 0);
  const requests = phases.reduce((sum, { load }) => sum + load.requests, 0);
  const worst = Math.max(...of('swapping').map(({ load }) => load.maxMs ?? 0));
  console.log(
    `${name}: p99 ${median(p99('quiet')).toFixed(2)} ms without, ${median(p99('swapping')).toFixed(2)} ms with swaps: ` +
      `${ratio.toFixed(2)}×; worst ${worst.toFixed(1)} ms; ${swaps.length} swaps of ${median(swaps).toFixed(0)} ms; ` +
      `${failed} of ${requests} requests failed`,
  );
}

const contestants = await measureSwaps(positionals[0]!);
for (const contestant of contestants) report(contestant);
const memory = await measureMemory(positionals[0]!, Number(values.cycles));
const last = quantile(memory.everyTenthMib.slice(-5), 0.5);
console.log(
  `memory: ${memory.afterFirstMib} MiB after the first swap, ${last} after ${values.cycles} (${(last / memory.afterFirstMib).toFixed(2)}×)`,
);
const results = {
  machine: describeMachine(),
  options: values,
  contestants: contestants.map(({ name, phases }) => ({ name, phases })),
  memory,
};
writeFileSync('bench/results/swap.json', `${JSON.stringify(results, null, 2)}\n`);
