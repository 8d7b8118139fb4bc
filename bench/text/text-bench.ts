/**
 * npm run bench -- text: the embeddings of one text a request, beside a service that a team writes by itself (peer.py), Infinity
 * and sentence-transformers: 32 callers, each asking again when it has its answer, with texts of the project's pages.
 *
 *   start 1: round 1: pillion, peer, … · round 2: …, peer, pillion · …     start 2: …
 *
 * Without options the rounds are published: bench/results/text.json and docs/results/text.md. The callers are in this process,
 * and take their share of the cores from all alike. All answers of the first texts are compared before anything is measured.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { SeededRandom } from '../../src/core/repeatable/seeded-random.ts';
import { describeMachine } from '../support/machine.ts';
import { quantile } from '../support/statistics.ts';
import { takeTurns } from '../support/turns.ts';
import { CONTESTANTS, type Contestant, startContestants } from './contestants.ts';
import { corpus } from './corpus.ts';
import { type Figure, renderPage, renderTable, type TextResults } from './render.ts';

const PUBLISHED = join('bench', 'results', 'text.json');
const DOCUMENT = join('docs', 'results', 'text.md');
const COMPARED = 20;
/** Numbers of embeddings of length 1 may differ so much: torch and ONNX Runtime add in other orders. */
const CLOSE = 1e-4;
const SEED = 1;

interface Settings {
  readonly starts: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly callers: number;
  readonly only: readonly string[];
}

async function main(base: string, source: string, args: readonly string[]): Promise<void> {
  const settings = settingsOf(args);
  const texts = shuffled(corpus());
  const startedAt = new Date().toISOString();
  const known = new Map<string, { readonly name: string; readonly says: string; readonly figures: Figure[] }>();
  const scratch = mkdtempSync(join(tmpdir(), 'bench-text-'));
  try {
    for (let start = 0; start < settings.starts; start += 1) {
      const contestants = await startContestants(settings.only, { base, source, scratch }, pythons());
      const figures = await measureAll(contestants, texts, settings);
      contestants.forEach(({ name, says }, i) => {
        const of = known.get(name) ?? { name, says, figures: [] };
        of.figures.push(...figures[i]!);
        known.set(name, of);
      });
      console.log(`start ${start + 1} of ${settings.starts} is measured`);
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
  const lengths = texts.map(({ length }) => length);
  const { only: _, ...counts } = settings;
  const results: TextResults = {
    ...{ machine: describeMachine(), startedAt, ...counts, contestants: [...known.values()] },
    texts: { count: texts.length, characters: [0.1, 0.5, 0.9].map((share) => quantile(lengths, share)) },
  };
  console.log(renderTable(results));
  if (args.length > 0) return;
  writeFileSync(PUBLISHED, `${JSON.stringify(results, rounded, 1)}\n`);
  writeFileSync(DOCUMENT, renderPage(results));
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 100) / 100 : value;
}

function settingsOf(args: readonly string[]): Settings {
  const given = (name: string): string | undefined =>
    args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
  const count = (name: string, fallback: number): number => Number(given(name) ?? fallback);
  return {
    ...{ starts: count('starts', 3), rounds: count('rounds', 3), seconds: count('seconds', 6) },
    ...{ callers: count('callers', 32), only: given('only')?.split(',') ?? CONTESTANTS },
  };
}

function pythons(): { readonly peer: string; readonly torch: string | undefined } {
  return { peer: process.env['PILLION_BENCH_PYTHON'] ?? 'python3', torch: process.env['PILLION_BENCH_TORCH_PYTHON'] };
}

function shuffled(texts: readonly string[]): readonly string[] {
  const random = new SeededRandom(SEED);
  const keyed = texts.map((text) => [random.uniform(), text] as const);
  return keyed.sort(([a], [b]) => a - b).map(([, text]) => text);
}

/** The figures of each contestant; all are ended then. */
async function measureAll(
  contestants: readonly Contestant[],
  texts: readonly string[],
  settings: Settings,
): Promise<readonly Figure[][]> {
  try {
    await compareAnswers(contestants, texts);
    for (const { server } of contestants) server.pause();
    return await takeTurns(contestants, { rounds: settings.rounds, warmUpRounds: 1 }, async (contestant) => {
      contestant.server.resume();
      const figure = await measure(contestant, texts, settings);
      contestant.server.pause();
      return figure;
    });
  } finally {
    for (const { server } of contestants) await server.stop();
  }
}

async function compareAnswers([first, ...others]: readonly Contestant[], texts: readonly string[]): Promise<void> {
  for (const text of texts.slice(0, COMPARED)) {
    const wanted = await first!.embed(text);
    for (const { name, embed } of others) {
      const got = await embed(text);
      assert.equal(got.length, wanted.length);
      const isClose = got.every((number, i) => Math.abs(number - wanted[i]!) < CLOSE);
      assert.ok(isClose, `${name} differs for ${text}`);
    }
  }
}

/** Each caller goes through the texts from a place of its own, the same in every round. */
async function measure(
  { embed }: Contestant,
  texts: readonly string[],
  { seconds, callers }: Settings,
): Promise<Figure> {
  const delays: number[] = [];
  const startedAt = performance.now();
  const end = startedAt + seconds * 1000;
  const call = async (caller: number): Promise<void> => {
    for (let i = Math.floor((caller * texts.length) / callers); performance.now() < end; i++) {
      const askedAt = performance.now();
      await embed(texts[i % texts.length]!);
      delays.push(performance.now() - askedAt);
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  const took = (performance.now() - startedAt) / 1000;
  return { textsPerSecond: delays.length / took, p50: quantile(delays, 0.5), p99: quantile(delays, 0.99) };
}

const [base, source, ...args] = process.argv.slice(2);
await main(base!, source!, args);
