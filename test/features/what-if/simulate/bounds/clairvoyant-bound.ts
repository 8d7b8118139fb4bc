/**
 * An upper bound of what any scheduler could answer in time, even one that knows all requests and all run times in
 * advance. It is a relaxation: no schedule answers more, and one that answers as many need not exist.
 *
 *   slots, batches, whole runs          relaxed to    one machine that works at the same rate, on any row, and may stop
 *   a row costs what its batch takes    relaxed to    a row costs its part of the largest batch that it could be in
 *
 * The largest batch of a row: the rows of its model that could start at the same instant, that row included; it is
 * counted exactly. The rest is to choose rows of different costs, each to be worked on within its window, and as many
 * as possible, fractions allowed. The sets of work that fit are a polymatroid, so the greedy choice is the best one
 * (Edmonds, 1970): the cheapest rows first, then the next cheapest in what is left. The most work that fits of some
 * rows is done by the earliest deadline first (Glover, 1967: matching in a convex bipartite graph).
 */
import { Heap, type HeapEntry } from '../../../../../src/core/collections/heap.ts';

/**
 * One request of one row. Time is counted in what the machine can do: where others take a part of it, less of this time
 * passes than on the wall.
 */
export interface OfflineRequest {
  readonly model: number;
  readonly releaseMs: number;
  readonly dueMs: number;
}

export interface OfflineModel {
  /** The time of a run of so many rows on a slot, in ms. The cost of a row does not rise with their number. */
  runMs(rows: number): number;
  /** How many ms of runs the whole machine does in a ms, while all its slots run this model. */
  readonly rate: number;
  /** A request is not answered sooner than this after its release, whatever the machine does. */
  readonly leastMs: number;
}

export interface OfflineProblem {
  readonly requests: readonly OfflineRequest[];
  readonly models: readonly OfflineModel[];
  readonly maxBatchSize: number;
}

interface Work extends HeapEntry {
  readonly releaseMs: number;
  readonly dueMs: number;
  readonly costMs: number;
  leftMs: number;
}

/** Rounding in sums of work. */
const EPSILON_MS = 1e-9;

/** The bound, a whole number, over the requests that could be in time if they were alone. */
export function clairvoyantBound(problem: OfflineProblem): number {
  const works = worksOf(problem);
  const costs = [...new Set(works.map(({ costMs }) => costMs))].sort((a, b) => a - b);
  let answered = 0;
  let doneMs = 0;
  for (const costMs of costs) {
    const mostMs = mostWork(works.filter((work) => work.costMs <= costMs));
    answered += (mostMs - doneMs) / costMs;
    doneMs = mostMs;
  }
  return Math.floor(answered + 1e-6);
}

/** The works by release. */
function worksOf({ requests, models, maxBatchSize }: OfflineProblem): Work[] {
  const byModel = models.map(() => [] as OfflineRequest[]);
  for (const request of requests) {
    const isPossible = request.dueMs - request.releaseMs >= models[request.model]!.leastMs - EPSILON_MS;
    if (isPossible) byModel[request.model]!.push(request);
  }
  const works = byModel.flatMap((own, m) => {
    const { leastMs, rate } = models[m]!;
    own.sort((a, b) => a.releaseMs - b.releaseMs);
    const rows = largestBatches(own, leastMs, maxBatchSize);
    return own.map(({ releaseMs, dueMs }, i): Work => {
      const costMs = models[m]!.runMs(rows[i]!) / rows[i]! / rate;
      return { releaseMs, dueMs, costMs, leftMs: costMs, heapIndex: -1 };
    });
  });
  return works.sort((a, b) => a.releaseMs - b.releaseMs);
}

/**
 * The number of requests that could start together with each request at the best instant, itself included; at most
 * `most`. A request may start from its release until `leastMs` before it is due. That number rises at releases only.
 */
function largestBatches(own: readonly OfflineRequest[], leastMs: number, most: number): number[] {
  const startable = own.map(() => 0);
  for (const [i, { releaseMs, dueMs }] of own.entries()) {
    for (let at = i; at < own.length && own[at]!.releaseMs <= dueMs - leastMs + EPSILON_MS; at++) startable[at]! += 1;
    // Requests that are released at the same instant count, too, if they are later in the list.
    for (let at = i - 1; at >= 0 && own[at]!.releaseMs === releaseMs; at--) startable[at]! += 1;
  }
  return own.map(({ dueMs }, i) => {
    let best = 1;
    for (let at = i; at < own.length && best < most && own[at]!.releaseMs <= dueMs - leastMs + EPSILON_MS; at++)
      best = Math.max(best, startable[at]!);
    return Math.min(best, most);
  });
}

/** The most that can be worked on these, each within its window, in ms. They are sorted by release. */
function mostWork(works: readonly Work[]): number {
  const waiting = new Heap<Work>((a, b) => a.dueMs < b.dueMs);
  let now = 0;
  let doneMs = 0;
  for (let next = 0; next < works.length || waiting.size > 0; ) {
    if (waiting.size === 0) now = Math.max(now, works[next]!.releaseMs);
    for (; next < works.length && works[next]!.releaseMs <= now; next++) {
      const work = works[next]!;
      work.leftMs = work.costMs;
      waiting.add(work);
    }
    const first = waiting.peek()!;
    const until = Math.min(first.dueMs, works[next]?.releaseMs ?? Infinity);
    const ms = Math.max(0, Math.min(first.leftMs, until - now));
    now += ms;
    doneMs += ms;
    first.leftMs -= ms;
    if (first.leftMs <= EPSILON_MS || first.dueMs <= now + EPSILON_MS) waiting.remove(first);
  }
  return doneMs;
}
