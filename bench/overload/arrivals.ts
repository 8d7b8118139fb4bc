/**
 * When requests come: arrival processes as ascending instants in ms, seeded and so repeatable.
 *
 * A process is made stationary, at its mean rate, on a time of its own; a profile then stretches that time, so that
 * every kind of process can also step up and down:
 *
 *   own time    |──────────|──────────────────────────────|──────────|      as many arrivals in each ms of it
 *   real time   |──────────|──────────|──────────|         factor 1, 3, 1: three times as many in a ms of the middle
 *
 * Instants before 0 are the lead-in: sent like the others and left out of the figures. Pure.
 */
import { readFileSync } from 'node:fs';
import type { SeededRandom } from '../../src/core/repeatable/seeded-random.ts';
import { azureLikeTimes } from './azure-like.ts';

export type Arrivals =
  | { readonly kind: 'poisson' }
  /** Independent gaps of a gamma distribution; 1 is Poisson, above it clumps. */
  | { readonly kind: 'gamma'; readonly cv: number }
  /**
   * Poisson at `factor` × the mean for about `onMs`, then at what keeps the mean for about `offMs` (a Markov-modulated
   * process: both lengths are exponential).
   */
  | { readonly kind: 'bursts'; readonly factor: number; readonly onMs: number; readonly offMs: number }
  /** Arrivals as bursty as a recorded trace of language model requests; see azure-like.ts. */
  | { readonly kind: 'azure-like' }
  /** Gaps of a recorded trace, stretched so that as many come as the rate wants. Ascending, any unit. */
  | { readonly kind: 'trace'; readonly times: readonly number[] };

/** A part of a run during which the rate is `factor` times the stream's. */
export interface ProfilePart {
  /** The share of the run's length. */
  readonly share: number;
  readonly factor: number;
}

export interface ArrivalSpan {
  /** Time before 0, at the first part's factor. */
  readonly leadInMs: number;
  readonly lengthMs: number;
  /** Requests in a ms where the factor is 1. */
  readonly ratePerMs: number;
  /** Shares add up to 1. Default one part of factor 1. */
  readonly profile?: readonly ProfilePart[];
}

const STEADY: readonly ProfilePart[] = [{ share: 1, factor: 1 }];

/** Instants in [-leadInMs, lengthMs), ascending. */
export function arrivalTimes(arrivals: Arrivals, span: ArrivalSpan, random: SeededRandom): Float64Array {
  const { leadInMs, lengthMs, ratePerMs, profile = STEADY } = span;
  const parts = profile.map(({ share, factor }) => ({ ms: share * lengthMs, factor }));
  const leadIn = { ms: leadInMs, factor: parts[0]!.factor };
  const ownLength = [leadIn, ...parts].reduce((sum, { ms, factor }) => sum + ms * factor, 0);
  const own = stationary(arrivals, ratePerMs, ownLength, random);
  return onRealTime(own, [leadIn, ...parts], -leadInMs);
}

function stationary(arrivals: Arrivals, ratePerMs: number, lengthMs: number, random: SeededRandom): number[] {
  switch (arrivals.kind) {
    case 'poisson':
      return fromGaps(lengthMs, () => random.exponential(1 / ratePerMs));
    case 'gamma': {
      const variance = arrivals.cv ** 2;
      return fromGaps(lengthMs, () => random.gamma(1 / variance, variance / ratePerMs));
    }
    case 'bursts':
      return bursts(arrivals, ratePerMs, lengthMs, random);
    case 'azure-like': {
      const count = Math.round(ratePerMs * lengthMs);
      return fromTrace(azureLikeTimes(count + 1, random), count, lengthMs);
    }
    case 'trace':
      return fromTrace(arrivals.times, Math.round(ratePerMs * lengthMs), lengthMs);
  }
}

function fromGaps(lengthMs: number, gap: () => number): number[] {
  const times: number[] = [];
  for (let at = gap(); at < lengthMs; at += gap()) times.push(at);
  return times;
}

function bursts(
  { factor, onMs, offMs }: Extract<Arrivals, { kind: 'bursts' }>,
  ratePerMs: number,
  lengthMs: number,
  random: SeededRandom,
): number[] {
  const onRate = factor * ratePerMs;
  const offRate = Math.max(0, (ratePerMs * (onMs + offMs) - onRate * onMs) / offMs);
  const times: number[] = [];
  // The place in the cycle where it begins is chance, too.
  let isOn = random.uniform() < onMs / (onMs + offMs);
  for (let start = 0; start < lengthMs; isOn = !isOn) {
    const end = Math.min(lengthMs, start + random.exponential(isOn ? onMs : offMs));
    const rate = isOn ? onRate : offRate;
    if (rate > 0) {
      for (let at = start + random.exponential(1 / rate); at < end; at += random.exponential(1 / rate)) times.push(at);
    }
    start = end;
  }
  return times;
}

/** The trace's first `count` arrivals on `lengthMs`; one that is too short is repeated. */
function fromTrace(trace: readonly number[], count: number, lengthMs: number): number[] {
  const period = trace[trace.length - 1]! - trace[0]! + meanGap(trace);
  const raw = Array.from({ length: count + 1 }, (_, i) => {
    const lap = Math.floor(i / trace.length);
    return trace[i % trace.length]! - trace[0]! + lap * period;
  });
  const scale = lengthMs / (raw[count]! || 1);
  return raw.slice(0, count).map((at) => Math.min(at * scale, lengthMs * (1 - Number.EPSILON)));
}

function meanGap(times: readonly number[]): number {
  return times.length < 2 ? 1 : (times[times.length - 1]! - times[0]!) / (times.length - 1);
}

interface TimedPart {
  readonly ms: number;
  readonly factor: number;
}

function onRealTime(own: readonly number[], parts: readonly TimedPart[], startMs: number): Float64Array {
  const real = new Float64Array(own.length);
  let part = 0;
  let ownStart = 0;
  let realStart = startMs;
  for (let i = 0; i < own.length; i++) {
    while (part < parts.length - 1 && own[i]! >= ownStart + parts[part]!.ms * parts[part]!.factor) {
      ownStart += parts[part]!.ms * parts[part]!.factor;
      realStart += parts[part]!.ms;
      part += 1;
    }
    real[i] = realStart + (own[i]! - ownStart) / parts[part]!.factor;
  }
  return real;
}

/**
 * Arrival times of a CSV file, ascending, in ms from the first: the column named timestamp, time or arrival, else the
 * first one. Cells are numbers or dates. Throws with the line that cannot be read.
 */
export function readTrace(file: string): number[] {
  const lines = readFileSync(file, 'utf8').split(/\r?\n/);
  const head = lines[0]?.split(',').map((cell) => cell.trim().toLowerCase()) ?? [];
  const named = head.findIndex((cell) => ['timestamp', 'time', 'arrival'].includes(cell));
  const column = Math.max(0, named);
  const isHeadless = named === -1 && !Number.isNaN(instantOf(head[0] ?? ''));
  const times: number[] = [];
  for (const [i, line] of lines.entries()) {
    if ((i === 0 && !isHeadless) || line.trim() === '') continue;
    const cell = line.split(',')[column]?.trim() ?? '';
    const at = instantOf(cell);
    if (Number.isNaN(at)) {
      throw new Error(
        `${file}, line ${i + 1}: "${cell}" is no time; wanted is a number or a date in column ${column + 1}`,
      );
    }
    times.push(at);
  }
  if (times.length < 2) throw new Error(`${file} has ${times.length} arrival times; a trace needs at least two`);
  times.sort((a, b) => a - b);
  const first = times[0]!;
  if (times[times.length - 1] === first) throw new Error(`${file}: all arrival times are the same; a trace has gaps`);
  return times.map((at) => at - first);
}

/** Date keeps ms and refuses more than three digits of them in some forms: the digits below are added by hand. */
function instantOf(cell: string): number {
  if (cell === '') return Number.NaN;
  const number = Number(cell);
  if (!Number.isNaN(number)) return Number.isFinite(number) ? number : Number.NaN;
  const match = /^(.*\d:\d\d:\d\d)(\.\d+)?(.*)$/.exec(cell);
  if (match === null) return Date.parse(cell);
  const [, whole, fraction = '', zone] = match;
  return Date.parse(`${whole!.replace(' ', 'T')}${zone === '' ? 'Z' : zone!.trim()}`) + Number(`0${fraction}`) * 1000;
}
