/**
 * npm test -- graphs [--graphs=N] [--seed=N] [--only=K]: draws ONNX graphs, asks the judge of rows, and compares runs of
 * those that it says keep rows apart. Ends with 1 if one does not. A graph at which the runtime ends its process is told of.
 *
 *   this process   hands out chunks of numbers, counts, and starts another process where one has ended
 *   check-chunk    draws, judges and runs the graphs of a chunk, one of these for each core
 */
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkGraph } from './check-graph.ts';
import { mixedSeed } from './draw.ts';
import { type ChunkReport, checkedText } from './fate.ts';
import { FateCounts } from './fate-counts.ts';

const CHUNK = 1000;
/** A graph takes milliseconds; the machine may be busy. */
const HANG_MS = 120_000;
/** At least so many graphs must be judged `rows` and compared, or nothing is tested. */
const LEAST_COMPARED = 0.25;
const CHILD = fileURLToPath(import.meta.resolve('./check-chunk.js'));

const options = { graphs: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' } } as const;
const { values } = parseArgs({ options });
const graphs = wholeNumber('graphs', values.graphs ?? '20000');
const seed = wholeNumber('seed', values.seed ?? String(Date.now() % 2 ** 31));
const directory = mkdtempSync(join(tmpdir(), 'pillion-graphs-'));
process.once('exit', () => rmSync(directory, { recursive: true, force: true }));

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  say(`--${name}=${text} is no whole number.`);
  process.exit(1);
}

/** Shows one graph, and ends this process. */
async function showOne(number: number): Promise<never> {
  const checked = await checkGraph(mixedSeed(seed, number), join(directory, 'model.onnx'));
  const { comparison } = checked;
  say(checkedText(checked));
  if (comparison !== undefined) say(`rows in company and alone: ${comparison.outcome}`);
  process.exit(comparison?.outcome === 'wrong' ? 1 : 0);
}

/** Graphs from `from` to before `to`; resolves with the number at which its process ended, or `to`. */
function runChunk(from: number, to: number, onReport: (report: ChunkReport) => void): Promise<number> {
  const progress = join(directory, `at-${from}`);
  const child = fork(CHILD, [seed, from, to, progress].map(String), { execArgv: ['--enable-source-maps'] });
  return new Promise((resolve) => {
    const watch = setInterval(() => child.kill('SIGKILL'), HANG_MS);
    child.on('message', (report) => {
      watch.refresh();
      onReport(report as ChunkReport);
    });
    child.once('close', (status) => {
      clearInterval(watch);
      resolve(status === 0 ? to : Number(readFileSync(progress, 'utf8')));
    });
  });
}

function tellWrong(number: number, text: string): void {
  say(`\n✖ graph ${number}: npm test -- graphs --seed=${seed} --only=${number}\n${text}`);
}

async function runAll(): Promise<FateCounts> {
  const counts = new FateCounts();
  let next = 0;
  const lane = async () => {
    while (next < graphs) {
      const from = next;
      const to = Math.min(from + CHUNK, graphs);
      next = to;
      for (let at = from; at < to; ) {
        const end = await runChunk(at, to, (report) => {
          counts.add(report);
          if (report.text !== undefined) tellWrong(report.number, report.text);
        });
        if (end < to) {
          counts.addEnded();
          tellWrong(end, 'its process ended, or did not come to an end');
        }
        at = end < to ? end + 1 : to;
      }
      const progress = counts.progress(graphs);
      if (progress !== undefined) say(progress);
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) }, lane));
  return counts;
}

if (values.only !== undefined) await showOne(wholeNumber('only', values.only));
say(`${graphs.toLocaleString('en')} graphs of seed ${seed}`);
const counts = await runAll();
say(counts.table());
if (counts.compared < LEAST_COMPARED * graphs) {
  say(`✖ fewer than ${LEAST_COMPARED * 100} % were judged to keep rows apart and ran`);
  process.exitCode = 1;
}
if (counts.wrong > 0) process.exitCode = 1;
