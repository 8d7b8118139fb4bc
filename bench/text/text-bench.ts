/**
 * npm run bench -- text: the embeddings of one text a request, beside a service that a team writes by itself (peer.py), on
 * the same ONNX file: 32 callers, each asking again when it has its answer, with texts of the project's pages.
 *
 *   round 1: pillion, peer · round 2: peer, pillion · …      medians of the rounds, and of their ratios, are shown
 *
 * The callers are in this process, and take their share of the cores from both alike. Both answers of the first texts are
 * compared before anything is measured.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import process from 'node:process';
import { SeededRandom } from '../../src/core/repeatable/seeded-random.ts';
import { FREE_PORTS, LAUNCHED } from '../support/launcher.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import { median, medianRatio, quantile } from '../support/statistics.ts';
import { takeTurns } from '../support/turns.ts';
import { corpus } from './corpus.ts';

const PEER = 'bench/text/peer.py';
const COMPARED = 20;
const SEED = 1;

interface Contestant {
  readonly name: string;
  readonly server: ServerProcess;
}

interface Figure {
  readonly textsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
}

interface Settings {
  readonly seconds: number;
  readonly callers: number;
}

async function main(base: string, args: readonly string[]): Promise<void> {
  const option = (name: string, fallback: number): number =>
    Number(args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? fallback);
  const [rounds, settings] = [option('rounds', 3), { seconds: option('seconds', 8), callers: option('callers', 32) }];
  const texts = shuffled(corpus());
  const isReady = (line: Record<string, unknown>): boolean => line['event'] === 'ready';
  const python = process.env['PILLION_BENCH_PYTHON'] ?? 'python3';
  const contestants: Contestant[] = [];
  try {
    const own = [...LAUNCHED, 'serve', ...FREE_PORTS, `--model=minilm=${base}`];
    contestants.push({ name: 'pillion', server: await startServer({ name: 'pillion', args: own, isReady }) });
    const peer = { name: 'peer', program: python, args: [PEER, join(base, '1')], isReady };
    contestants.push({ name: 'peer', server: await startServer(peer) });
    await compareAnswers(contestants, texts);
    for (const { server } of contestants) server.pause();
    const figures = await takeTurns(contestants, { rounds, warmUpRounds: 1 }, async ({ server }) => {
      server.resume();
      const figure = await measure(server, texts, settings);
      server.pause();
      return figure;
    });
    show(contestants, figures, texts);
  } finally {
    for (const { server } of contestants) await server.stop();
  }
}

function shuffled(texts: readonly string[]): readonly string[] {
  const random = new SeededRandom(SEED);
  const keyed = texts.map((text) => [random.uniform(), text] as const);
  return keyed.sort(([a], [b]) => a - b).map(([, text]) => text);
}

async function embed({ ready }: ServerProcess, text: string): Promise<readonly number[]> {
  const [address] = ready['rest'] as string[];
  const body = JSON.stringify({ inputs: text, truncate: true });
  const answer = await fetch(`http://${address}/embed`, { method: 'POST', body });
  if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`);
  return ((await answer.json()) as number[][])[0]!;
}

async function compareAnswers([one, other]: readonly Contestant[], texts: readonly string[]): Promise<void> {
  for (const text of texts.slice(0, COMPARED)) {
    const [a, b] = [await embed(one!.server, text), await embed(other!.server, text)];
    for (const [i, number] of a.entries()) assert.ok(Math.abs(number - b[i]!) < 1e-4, `they differ for ${text}`);
  }
}

/** Each caller goes through the texts from a place of its own, the same in every round. */
async function measure(
  server: ServerProcess,
  texts: readonly string[],
  { seconds, callers }: Settings,
): Promise<Figure> {
  const delays: number[] = [];
  const startedAt = performance.now();
  const end = startedAt + seconds * 1000;
  const call = async (caller: number): Promise<void> => {
    for (let i = Math.floor((caller * texts.length) / callers); performance.now() < end; i++) {
      const askedAt = performance.now();
      await embed(server, texts[i % texts.length]!);
      delays.push(performance.now() - askedAt);
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  const took = (performance.now() - startedAt) / 1000;
  return { textsPerSecond: delays.length / took, p50: quantile(delays, 0.5), p99: quantile(delays, 0.99) };
}

function show(contestants: readonly Contestant[], figures: readonly Figure[][], texts: readonly string[]): void {
  const lengths = texts.map(({ length }) => length);
  const [short, middle, long] = [0.1, 0.5, 0.9].map((share) => quantile(lengths, share));
  console.log(`${texts.length} texts; characters at 10, 50 and 90 %: ${short}, ${middle}, ${long}`);
  for (const [i, { name }] of contestants.entries()) {
    const of = (key: keyof Figure): string => median(figures[i]!.map((figure) => figure[key])).toFixed(1);
    console.log(`${name.padEnd(8)} ${of('textsPerSecond')} texts/s   p50 ${of('p50')} ms   p99 ${of('p99')} ms`);
  }
  const ratio = (key: keyof Figure): string =>
    medianRatio(
      figures[0]!.map((figure) => figure[key]),
      figures[1]!.map((figure) => figure[key]),
    ).toFixed(2);
  console.log(`pillion / peer: texts/s ${ratio('textsPerSecond')}, p50 ${ratio('p50')}, p99 ${ratio('p99')}`);
}

const [base, ...args] = process.argv.slice(2);
await main(base!, args);
