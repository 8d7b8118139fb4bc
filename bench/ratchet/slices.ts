/**
 * Two servers under closed loops of their own, of which one at a time runs: slices far shorter than the moods of a
 * shared machine, so that both have the same.
 *
 *   here    ████████░··············████████░··············
 *   pinned  ·············████████░··············████████░·
 *
 *           █ server and load run   ░ the load is held   · both are stopped
 *
 * The load is held first, and a moment later, when all that was on its way has been answered, the server is stopped: a
 * run in which it was stopped would look slow to a scheduler that learns from its runs.
 */
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { PausableLoad } from '../support/load-generators.ts';
import { stolenSeconds } from '../support/machine.ts';
import type { ServerProcess } from '../support/server-process.ts';
import type { Both } from './figures.ts';
import { inTurn } from './job.ts';

export interface Side {
  readonly server: ServerProcess;
  readonly load: PausableLoad;
}

/** Instants in µs since the epoch. */
export interface Slice {
  readonly resumedAt: number;
  /** Caches are warm again: rates count from here. */
  readonly steadyAt: number;
  readonly heldAt: number;
  /** CPU time of the server's threads, until it was stopped. */
  readonly cpuMicros: number;
  /** The share of all cores that a hypervisor took away. */
  readonly stolenShare: number;
}

export interface SliceOptions {
  readonly sliceMs: number;
  /** The time from the load's stop to the server's. */
  readonly drainMs: number;
  /** When no slice begins any more, by performance.now(). */
  readonly endMs: number;
  readonly signal: AbortSignal;
}

const STEADY_MS = 5;

/** Pairs of neighbours in time. Both sides are stopped afterwards. */
export async function takeSlices(
  sides: Both<Side>,
  isHereFirst: boolean,
  options: SliceOptions,
): Promise<Both<Slice>[]> {
  const pairs: Both<Slice>[] = [];
  const offset = epochOffsetMs();
  const take = (side: Side): Promise<Slice> => takeSlice(side, offset, options);
  while (performance.now() < options.endMs) {
    options.signal.throwIfAborted();
    // Every second pair goes backwards.
    const isHereNext = isHereFirst === (pairs.length % 2 === 0);
    pairs.push(
      await inTurn(
        isHereNext,
        () => take(sides.here),
        () => take(sides.pinned),
      ),
    );
  }
  return pairs;
}

async function takeSlice({ server, load }: Side, offset: number, { sliceMs, drainMs }: SliceOptions): Promise<Slice> {
  const now = (): number => (performance.now() + offset) * 1000;
  const [cpuBefore, stolenBefore] = [server.threadMicros(), stolenSeconds()];
  server.resume();
  const resumedAt = now();
  load.resume();
  await delay(STEADY_MS);
  const steadyAt = now();
  await delay(sliceMs);
  const heldAt = now();
  const stolenShare = (stolenSeconds() - stolenBefore) / (availableParallelism() * ((heldAt - resumedAt) / 1e6));
  load.pause();
  await delay(drainMs);
  server.pause();
  return { resumedAt, steadyAt, heldAt, cpuMicros: server.threadMicros() - cpuBefore, stolenShare };
}

/** Milliseconds to add to performance.now() for the system's time, which other processes write into their logs. */
function epochOffsetMs(): number {
  const before = Date.now();
  let now = before;
  while (now === before) now = Date.now();
  return now - performance.now();
}
