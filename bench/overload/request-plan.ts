/**
 * A workload at certain rates → every request of one run, in the order of their intended instants, as columns: tens of
 * thousands of small objects would be the generator's garbage collector in the figures.
 *
 * The same workload, rates, lengths and seed give the same plan, so that all contestants of a round get the same
 * requests.
 */
import { SeededRandom } from '../../src/core/repeatable/seeded-random.ts';
import { zipfCumulative } from '../support/zipf.ts';
import { arrivalTimes } from './arrivals.ts';
import type { Stream, Workload } from './workload.ts';

export interface RequestPlan {
  readonly count: number;
  /** Intended instants in ms, ascending; before 0 is the lead-in, which is sent and not counted. */
  readonly at: Float64Array;
  /** Index among the workload's models. */
  readonly model: Uint16Array;
  /** Index among the workload's streams. */
  readonly stream: Uint16Array;
  /** Milliseconds from the intended instant. */
  readonly objectiveMs: Float64Array;
  /** When the client takes it back, as an instant; Infinity = never. */
  readonly cancelAt: Float64Array;
  readonly leadInMs: number;
  readonly lengthMs: number;
}

export interface PlanOptions {
  /** The server's capacity for each stream's own mix of models, in requests a second. */
  readonly capacities: readonly number[];
  readonly seconds: number;
  readonly leadInMs: number;
  readonly seed: number;
}

/** A wrong capacity must not fill the memory. */
const MAX_REQUESTS = 20_000_000;

interface Drawn {
  readonly times: Float64Array;
  readonly models: Uint16Array;
  readonly cancels: Float64Array;
}

export function planRequests(workload: Workload, options: PlanOptions): RequestPlan {
  checkSize(workload, options);
  const root = new SeededRandom(options.seed);
  const drawn = workload.streams.map((stream, i) => drawStream(stream, options.capacities[i]!, options, root.fork(i)));
  const count = drawn.reduce((sum, { times }) => sum + times.length, 0);
  const plan: RequestPlan = {
    count,
    at: new Float64Array(count),
    model: new Uint16Array(count),
    stream: new Uint16Array(count),
    objectiveMs: new Float64Array(count),
    cancelAt: new Float64Array(count),
    leadInMs: options.leadInMs,
    lengthMs: options.seconds * 1000,
  };
  merge(drawn, workload.streams, plan);
  return plan;
}

function checkSize({ name, streams }: Workload, { capacities, seconds, leadInMs }: PlanOptions): void {
  let expected = 0;
  for (const [i, { load, profile }] of streams.entries()) {
    const factor = profile.reduce((sum, part) => sum + part.share * part.factor, 0);
    expected += load * capacities[i]! * factor * (seconds + leadInMs / 1000);
  }
  if (expected <= MAX_REQUESTS) return;
  throw new Error(
    `${name} would be ${Math.round(expected)} requests; at most ${MAX_REQUESTS} fit a run: lower seconds or load`,
  );
}

function drawStream(stream: Stream, capacity: number, options: PlanOptions, random: SeededRandom): Drawn {
  const span = {
    leadInMs: options.leadInMs,
    lengthMs: options.seconds * 1000,
    ratePerMs: (stream.load * capacity) / 1000,
    profile: stream.profile,
  };
  const times = arrivalTimes(stream.arrivals, span, random.fork(0));
  const [choice, leaving] = [random.fork(1), random.fork(2)];
  const cumulative = zipfCumulative(stream.models.length, stream.zipf);
  const models = new Uint16Array(times.length);
  const cancels = new Float64Array(times.length);
  for (let i = 0; i < times.length; i++) {
    models[i] = stream.models[choice.pick(cumulative)]!;
    const isCancelled = leaving.uniform() < stream.cancelShare;
    cancels[i] = isCancelled ? times[i]! + leaving.uniform() * stream.objectiveMs : Infinity;
  }
  return { times, models, cancels };
}

/** Streams are few: the earliest head is looked for, one request after the other. */
function merge(drawn: readonly Drawn[], streams: readonly Stream[], plan: RequestPlan): void {
  const next = drawn.map(() => 0);
  for (let i = 0; i < plan.count; i++) {
    let first = -1;
    for (let s = 0; s < drawn.length; s++) {
      const at = drawn[s]!.times[next[s]!] ?? Infinity;
      if (at !== Infinity && (first === -1 || at < drawn[first]!.times[next[first]!]!)) first = s;
    }
    const { times, models, cancels } = drawn[first]!;
    const from = next[first]!++;
    plan.at[i] = times[from]!;
    plan.model[i] = models[from]!;
    plan.cancelAt[i] = cancels[from]!;
    plan.stream[i] = first;
    plan.objectiveMs[i] = streams[first]!.objectiveMs;
  }
}
