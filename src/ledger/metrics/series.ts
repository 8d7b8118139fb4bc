/**
 * Counters, histograms and gauges.
 *
 * Each label set is a *series*: an object that hot paths look up once and then hold, so that an observation is an
 * addition. A *family* is all series of one name; it is registered (registry.ts) and read at scrape time.
 *
 *   family pillion_stage_duration_seconds
 *     ├─ series {stage="queue",  model="digits", version="3"}   counts: Float64Array, one for each bucket; sum
 *     └─ series {stage="encode", model="digits", version="3"}
 *
 * An observation takes a look-up and a few comparisons, and allocates nothing.
 */
import { Buffer } from 'node:buffer';
import type { Instant } from '../../core/clock.ts';
import { Buckets } from './buckets.ts';

/** A label set. Values are of closed sets, or names from the server's own configuration. */
export type Labels = Readonly<Record<string, string>>;

/** A request with a trace whose value fell into a bucket. */
export interface Exemplar {
  readonly traceId: string;
  readonly value: number;
  readonly at: Instant;
}

/** One line of the text format. */
export interface Sample {
  /** Absent: the family's name. */
  readonly metricName?: string | undefined;
  readonly labels: Labels;
  readonly value: number;
  readonly exemplar?: Exemplar | undefined;
}

/** A value read at scrape time. */
export interface Reading {
  readonly labels: Labels;
  readonly value: number;
}

/** A family at scrape time. */
export interface MetricSnapshot {
  readonly name: string;
  readonly help: string;
  readonly type: 'histogram' | 'counter' | 'gauge';
  readonly values: readonly Sample[];
}

/** Age at which a bucket's exemplar is replaced: each costs a copy of its trace id. */
const EXEMPLAR_MS = 1000;

/** One label set of a histogram. */
export class HistogramSeries {
  readonly labels: Labels;
  readonly #buckets: Buckets;
  readonly #numbers: Float64Array;
  /** The exemplars by bucket; created with the first one. */
  #exemplars: (Exemplar | undefined)[] | undefined;

  /** @param numbers of the histogram, where somebody else counts in it; default its own */
  constructor(labels: Labels, buckets: Buckets, numbers: Float64Array = new Float64Array(buckets.width)) {
    this.labels = labels;
    this.#buckets = buckets;
    this.#numbers = numbers;
  }

  /** Sum of all values. */
  get sum(): number {
    return this.#numbers[this.#numbers.length - 1]!;
  }

  /** Number of values. */
  get count(): number {
    return this.#numbers.subarray(0, -1).reduce((total, count) => total + count, 0);
  }

  /**
   * Counts one value. A value equal to a bucket's upper bound is in that bucket. NaN is ignored. The trace of the
   * value, which ended at `at`, becomes its bucket's exemplar, unless that is younger than EXEMPLAR_MS.
   */
  observe(value: number, traceId?: string, at: Instant = 0): void {
    if (Number.isNaN(value)) return;
    this.#buckets.count(this.#numbers, 0, value);
    if (traceId !== undefined) this.exemplify(value, traceId, at);
  }

  /** The same for a value that was counted. */
  exemplify(value: number, traceId: string, at: Instant): void {
    const bucket = this.#buckets.of(value);
    this.#exemplars ??= [];
    const before = this.#exemplars[bucket];
    if (before !== undefined && at - before.at < EXEMPLAR_MS) return;
    // The id is a slice of a long text and would keep all of it in memory: copy it.
    this.#exemplars[bucket] = { traceId: Buffer.from(traceId).toString(), value, at };
  }

  samples(name: string): Sample[] {
    const samples: Sample[] = [];
    const { bounds } = this.#buckets;
    let cumulative = 0;
    for (let i = 0; i <= bounds.length; i++) {
      cumulative += this.#numbers[i]!;
      const le = i < bounds.length ? String(bounds[i]) : '+Inf';
      const labels = { le, ...this.labels };
      samples.push({ metricName: `${name}_bucket`, labels, value: cumulative, exemplar: this.#exemplars?.[i] });
    }
    samples.push({ metricName: `${name}_sum`, labels: this.labels, value: this.sum });
    samples.push({ metricName: `${name}_count`, labels: this.labels, value: cumulative });
    return samples;
  }
}

/** One label set of a counter, or of a gauge that is set. */
export class CounterSeries {
  readonly labels: Labels;
  #value = 0;

  constructor(labels: Labels) {
    this.labels = labels;
  }

  add(amount: number): void {
    this.#value += amount;
  }

  /** Sets a gauge. */
  set(value: number): void {
    this.#value = value;
  }

  samples(name: string): Sample[] {
    return [{ metricName: name, labels: this.labels, value: this.#value }];
  }
}

type Make<S> = (labels: Labels, numbers?: Float64Array) => S;

/** All series of one name. */
export class Family<S extends HistogramSeries | CounterSeries> {
  readonly name: string;
  readonly help: string;
  readonly type: MetricSnapshot['type'];
  readonly #make: Make<S>;
  /** The series by the values of their labels. */
  readonly #series = new Map<string, S>();

  constructor(name: string, help: string, type: MetricSnapshot['type'], make: Make<S>) {
    this.name = name;
    this.help = help;
    this.type = type;
    this.#make = make;
  }

  /**
   * The series of these labels; a new one, if there is none. All calls name the labels in the same order. Hot paths hold
   * the result. `numbers`: the caller counts in them itself (buckets.ts).
   */
  open(labels: Labels, numbers?: Float64Array): S {
    let key = '';
    for (const name in labels) key += `${labels[name]}\n`;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = this.#make(labels, numbers);
      this.#series.set(key, series);
    }
    return series;
  }

  /** Removes every series whose labels match. */
  removeWhere(matches: (labels: Labels) => boolean): void {
    for (const [key, { labels }] of this.#series) if (matches(labels)) this.#series.delete(key);
  }

  /** Called by the registry at each scrape. */
  get(): Promise<MetricSnapshot> {
    const { name, help, type } = this;
    return Promise.resolve({
      name,
      help,
      type,
      values: [...this.#series.values()].flatMap((series) => series.samples(name)),
    });
  }
}

/** Values that another part of the server holds and that are read at scrape time: gauges, or counts that only grow. */
export class GaugeFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'gauge' | 'counter';
  readonly #read: () => readonly Reading[];

  constructor(name: string, help: string, read: () => readonly Reading[], type: 'gauge' | 'counter' = 'gauge') {
    this.name = name;
    this.help = help;
    this.type = type;
    this.#read = read;
  }

  /** Called by the registry at each scrape. */
  get(): Promise<MetricSnapshot> {
    const { name, help, type } = this;
    const values = this.#read().map(({ labels, value }) => ({ metricName: name, labels, value }));
    return Promise.resolve({ name, help, type, values });
  }
}

/** A histogram family with upper bounds in ascending order; +Inf is added. */
export function histogramFamily(
  name: string,
  help: string,
  bounds: readonly number[] | Buckets,
): Family<HistogramSeries> {
  const shared = bounds instanceof Buckets ? bounds : new Buckets(bounds);
  return new Family(name, help, 'histogram', (labels, numbers) => new HistogramSeries(labels, shared, numbers));
}

/** A family of gauges that are set. */
export function gaugeFamily(name: string, help: string): Family<CounterSeries> {
  return new Family(name, help, 'gauge', (labels) => new CounterSeries(labels));
}

/** A counter family; `name` ends in `_total`. */
export function counterFamily(name: string, help: string): Family<CounterSeries> {
  return new Family(name, help, 'counter', (labels) => new CounterSeries(labels));
}
