/** `pillion bench`: warm-up, then turns of one server or of two, then the figures. */
import process from 'node:process';
import { MessageChannel } from 'node:worker_threads';
import { systemClock } from '../../core/clock.ts';
import { SeededRandom } from '../../core/repeatable/seeded-random.ts';
import { print } from '../../kernel/command.ts';
import { runTurn } from './open-loop.ts';
import { figuresJson, figuresTable, type Measured } from './report.ts';
import { Tally } from './tally.ts';
import type { Target } from './target.ts';
import { type TargetOptions, targetsOf } from './targets.ts';

/** The options of command.ts. */
interface BenchOptions extends TargetOptions {
  readonly rate: number;
  readonly seconds: number;
  readonly warm_up: number;
  readonly turn: number;
  readonly arrivals: string;
  readonly in_flight: number;
  readonly seed: number;
  readonly json: boolean;
}

const MS = 1000;
/** 128 and the signal's number, as shells have it. */
const EXIT_INTERRUPTED = 130;

/** Resolves with the exit status once the figures are printed. */
export async function bench(options: BenchOptions): Promise<number> {
  // Timers of the clock hold no process open, and between two requests there is nothing else.
  const { port1: held } = new MessageChannel();
  held.on('message', () => undefined);
  const { rate, json } = options;
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const targets = await targetsOf(options, systemClock);
  const measured = targets.map(({ url }): Measured => ({ url, tally: new Tally(), seconds: 0 }));
  const turn = turnOf(targets, options, stop.signal);
  for (const index of targets.keys()) if (options.warm_up > 0) await turn(index, options.warm_up);
  for (const { index, seconds } of turnsOf(targets.length, options)) {
    if (stop.signal.aborted) break;
    if (process.stderr.isTTY) process.stderr.write(`\rmeasuring ${'AB'[index]} for ${seconds} s \r`);
    const { tally } = measured[index]!;
    const startedAt = systemClock.nowMs();
    await turn(index, seconds, tally);
    measured[index]!.seconds += Math.min(seconds, (systemClock.nowMs() - startedAt) / MS);
  }
  held.close();
  if (stop.signal.aborted) process.stderr.write('pillion: interrupted; these are the figures so far\n');
  print(json ? figuresJson(measured, rate) : figuresTable(measured, rate));
  for (const target of targets) target.close();
  if (stop.signal.aborted) return EXIT_INTERRUPTED;
  return measured.every(({ tally }) => tally.answered > 0) ? 0 : 1;
}

/** A turn of one of the servers. */
function turnOf(
  targets: readonly Target[],
  { rate, arrivals, seed, in_flight: maxInFlight }: BenchOptions,
  stop: AbortSignal,
): (index: number, seconds: number, tally?: Tally) => Promise<void> {
  const random = new SeededRandom(seed);
  const gapMs = arrivals === 'constant' ? () => MS / rate : () => random.exponential(MS / rate);
  return (index, seconds, tally) =>
    runTurn({ clock: systemClock, target: targets[index]!, tally, lengthMs: seconds * MS, gapMs, maxInFlight, stop });
}

/** One server has all the time; two take turns in the order A B B A, until each has had its seconds. */
export function turnsOf(
  servers: number,
  { seconds, turn }: Pick<BenchOptions, 'seconds' | 'turn'>,
): readonly { readonly index: number; readonly seconds: number }[] {
  if (servers === 1) return [{ index: 0, seconds }];
  const turns: { index: number; seconds: number }[] = [];
  for (let round = 0, done = 0; done < seconds; round++, done += turn) {
    const part = Math.min(turn, seconds - done);
    const order = round % 2 === 0 ? [0, 1] : [1, 0];
    turns.push(...order.map((index) => ({ index, seconds: part })));
  }
  return turns;
}
