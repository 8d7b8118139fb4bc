/**
 * An ensemble as a graph on its model's page: its steps, the tensors between them, and how long they took in the last
 * half minute. Steps are counted only while somebody looks; two steps of one model are counted together.
 */
import type { Clock } from '../../core/clock.ts';
import { type FactKey, factKey } from '../../core/collections/facts.ts';
import { formatShape } from '../../core/shape.ts';
import { BUCKETS, bucketOf, percentileMs, sparse } from '../../ledger/latency-buckets.ts';
import { RecentSlots } from '../../ledger/recent-slots.ts';
import type { ReadRequest } from '../../ledger/recorder/read-request.ts';
import {
  plain,
  type Report,
  type ReportGraph,
  type ReportSource,
  type ReportTable,
  type Sentence,
  warn,
} from '../../ledger/report.ts';
import type { StepRecord } from '../../ledger/request-record.ts';
import type { Follower } from '../../ledger/telemetry.ts';
import type { Servable } from '../../models/serving/servable.ts';
import type { EnsemblePlan, PlannedStep } from './ensemble-plan.ts';

/** The fact of an ensemble: its plan. */
export const PLAN: FactKey<EnsemblePlan> = factKey('ensemble-plan');

export interface EnsembleReportOptions {
  readonly clock: Clock;
  /** The versions that can answer now. */
  readonly servables: () => Iterable<Servable>;
  /** Begins to follow; returns what ends that. */
  readonly follow: (follower: Follower) => () => void;
  /** Has everything read that has ended so far. */
  readonly settle: () => void;
}

/** The steps of one member in one slot. */
class StepCounts {
  steps = 0;
  failed = 0;
  readonly durations = new Uint32Array(BUCKETS);

  add({ outcome, stages }: StepRecord): void {
    this.steps += 1;
    if (outcome === 'ok') this.durations[bucketOf(stages.finishedAt - stages.startedAt)]! += 1;
    else this.failed += 1;
  }
}

/** The counts of one member of an ensemble over the window. */
interface StepSum {
  readonly steps: number;
  readonly failed: number;
  readonly p50: number | undefined;
  readonly p99: number | undefined;
}

type SumOf = (step: PlannedStep) => StepSum;

export class EnsembleReport implements ReportSource {
  readonly name = 'ensemble';
  readonly title = 'Ensemble';
  readonly #options: EnsembleReportOptions;
  /** The counts by the ensemble's model and the member's. */
  readonly #slots: RecentSlots<Map<string, StepCounts>>;
  #stop: (() => void) | undefined;

  constructor(options: EnsembleReportOptions) {
    this.#options = options;
    this.#slots = new RecentSlots(options.clock, () => new Map());
  }

  watch(isWatched: boolean): void {
    this.#stop?.();
    this.#slots.restart();
    this.#stop = isWatched ? this.#options.follow({ recordRequest: (record) => this.#record(record) }) : undefined;
  }

  ofModel(model: string): Report | undefined {
    const served = [...this.#options.servables()].filter(
      ({ name, facts }) => name === model && facts.get(PLAN) !== undefined,
    );
    const newest = served.reduce<Servable | undefined>(
      (a, b) => (a === undefined || b.version > a.version ? b : a),
      undefined,
    );
    if (newest === undefined) return undefined;
    this.#options.settle();
    const sumOf: SumOf = ({ member }) => this.#sumOf(keyOf(model, member.name));
    return ensembleReport(newest.facts.get(PLAN)!, sumOf, this.#slots.seconds);
  }

  #record({ model, steps }: ReadRequest): void {
    if (steps === undefined) return;
    const slot = this.#slots.current;
    for (const step of steps) {
      const key = keyOf(model, step.model);
      const counts = slot.get(key) ?? new StepCounts();
      slot.set(key, counts);
      counts.add(step);
    }
  }

  #sumOf(key: string): StepSum {
    const found = this.#slots.all.flatMap((slot) => slot.get(key) ?? []);
    const latency = found.map(({ durations }) => sparse(durations));
    return {
      steps: found.reduce((sum, { steps }) => sum + steps, 0),
      failed: found.reduce((sum, { failed }) => sum + failed, 0),
      p50: percentileMs(latency, 0.5),
      p99: percentileMs(latency, 0.99),
    };
  }
}

/** Two pairs have one key only if they are equal: the length says where the first ends. */
function keyOf(ensemble: string, member: string): string {
  return `${ensemble.length} ${ensemble}${member}`;
}

export function ensembleReport(plan: EnsemblePlan, sumOf: SumOf, seconds: number): Report {
  return {
    covers: 'of the last half minute',
    sentences: wordsOf(plan, sumOf),
    graph: graphOf(plan, sumOf),
    tables: [stepsTable(plan, sumOf, seconds), tensorsTable(plan)],
  };
}

function wordsOf({ steps }: EnsemblePlan, sumOf: SumOf): readonly Sentence[] {
  const said: Sentence[] = [];
  const slowest = [...steps].sort((a, b) => (sumOf(b).p50 ?? -1) - (sumOf(a).p50 ?? -1))[0];
  if (slowest === undefined || sumOf(slowest).p50 === undefined)
    said.push(plain('No step has ended in the last half minute.'));
  else if (steps.length > 1) said.push(plain(`The step that takes longest is ${slowest.member.name}.`));
  const members = new Map(steps.map((step) => [step.member.name, step]));
  for (const [name, step] of members) {
    const { failed } = sumOf(step);
    if (failed > 0) said.push(warn(`${failed} steps of ${name} failed, or were cancelled with their request.`));
  }
  if (members.size < steps.length) said.push(plain('Steps of one model are counted together.'));
  return said;
}

/** The request is the first node, the answer the last one. */
function graphOf({ steps, signature }: EnsemblePlan, sumOf: SumOf): ReportGraph {
  const from = makers(steps);
  const answer = steps.length + 1;
  const edges = steps.flatMap((step, i) =>
    [...new Set(step.inputs.values())].map((tensor) => ({ from: from.get(tensor) ?? 0, to: i + 1, label: tensor })),
  );
  const ends = [...signature.outputs.keys()].map((tensor) => ({
    from: from.get(tensor) ?? 0,
    to: answer,
    label: tensor,
  }));
  return {
    title: 'Steps and tensors',
    nodes: [
      { title: 'request' },
      ...steps.map((step) => ({ title: step.member.name, note: noteOf(sumOf(step)) })),
      { title: 'answer' },
    ],
    edges: [...edges, ...ends],
  };
}

/** The node that makes each tensor of the ensemble. */
function makers(steps: readonly PlannedStep[]): ReadonlyMap<string, number> {
  return new Map(steps.flatMap((step, i) => [...step.outputs.values()].map((tensor) => [tensor, i + 1] as const)));
}

function noteOf({ p50 }: StepSum): string {
  return p50 === undefined
    ? 'no time yet'
    : `half within ${p50 < 1 ? `${Math.round(p50 * 1000)} µs` : `${Number(p50.toPrecision(2))} ms`}`;
}

function stepsTable({ steps }: EnsemblePlan, sumOf: SumOf, seconds: number): ReportTable {
  return {
    title: 'Steps',
    columns: [
      { key: 'model', title: 'Step', unit: 'model' },
      { key: 'version', title: 'Version', unit: 'text' },
      { key: 'rate', title: 'Steps', unit: 'rate' },
      { key: 'p50', title: 'p50', unit: 'ms' },
      { key: 'p99', title: 'p99', unit: 'ms' },
    ],
    rows: steps.map((step) => ({
      model: step.member.name,
      version: step.member.version?.toString() ?? 'the served one',
      rate: sumOf(step).steps / seconds,
      p50: sumOf(step).p50,
      p99: sumOf(step).p99,
    })),
    empty: '',
  };
}

function tensorsTable({ steps, signature, tensors }: EnsemblePlan): ReportTable {
  const from = makers(steps);
  return {
    title: 'Tensors between steps',
    columns: [
      { key: 'tensor', title: 'Tensor', unit: 'text' },
      { key: 'type', title: 'Type', unit: 'text' },
      { key: 'from', title: 'From', unit: 'text' },
      { key: 'to', title: 'To', unit: 'text' },
    ],
    rows: [...tensors].map(([tensor, { dtype, shape }]) => {
      const maker = from.get(tensor);
      const takers = steps
        .filter(({ inputs }) => [...inputs.values()].includes(tensor))
        .map(({ member }) => member.name);
      return {
        tensor,
        type: `${dtype} ${formatShape(shape)}`,
        from: maker === undefined ? 'the request' : steps[maker - 1]!.member.name,
        to: [...takers, ...(signature.outputs.has(tensor) ? ['the answer'] : [])].join(', '),
      };
    }),
    empty: '',
  };
}
