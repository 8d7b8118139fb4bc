/**
 * The totals of all requests and batches since the start, by signature. A record's totals are mostly those of the
 * record before it, which takes three comparisons; else they are found by a few map look-ups:
 *
 *   model → version → signature → SignatureTotals
 */
import type { RequestRing } from '../recorder/request-ring.ts';
import type { BatchRecord, RequestRecord, StepRecord } from '../request-record.ts';
import { type SignatureFamilies, SignatureTotals } from './signature-totals.ts';
import type { TfServingMetrics } from './tf-serving-metrics.ts';

type Signatures = Map<string, SignatureTotals>;

export interface TotalsOptions {
  readonly families: SignatureFamilies;
  readonly tfServing: TfServingMetrics;
  /** Has everything recorded that ended before now. */
  readonly settle: () => void;
}

export class Totals {
  readonly #options: TotalsOptions;
  readonly #models = new Map<string, Map<string, Signatures>>();
  #last: SignatureTotals | undefined;

  constructor(options: TotalsOptions) {
    this.#options = options;
  }

  /** Counts the requests at places `from` to `to` − 1, those together that are of one kind. */
  readonly recordColumns = (ring: RequestRing, from: number, to: number): void => {
    for (let at = from; at < to; ) {
      const origin = ring.origins[at]!;
      const outcome = ring.outcomeAt(at);
      let end = at + 1;
      while (end < to && ring.origins[end] === origin && ring.outcomeAt(end) === outcome) end += 1;
      const { model, version, signatureName, surface, method } = origin;
      this.#of(model, version, signatureName).recordColumns({ surface, method, outcome }, ring, at, end);
      at = end;
    }
  };

  /** Counts what is in no column; call it after `recordColumns`. `traceId`: of its trace if its spans are exported. */
  recordRequest(record: RequestRecord, traceId: string | undefined): void {
    const { model, version, signatureName, steps } = record;
    this.#of(model, version, signatureName).recordRequest(record, traceId);
    if (steps !== undefined) this.#recordSteps(steps, record.rows);
  }

  recordBatch(record: BatchRecord): void {
    this.#of(record.model, record.version, record.signatureName).recordBatch(record);
  }

  /** Has everything counted that ended before now. */
  settle(): void {
    this.#options.settle();
  }

  /** Every version that had a request or a batch, and '' of each model where requests were about the model alone. */
  versions(): (readonly [model: string, version: string])[] {
    this.settle();
    return [...this.#models].flatMap(([model, versions]) => [...versions.keys()].map((each) => [model, each] as const));
  }

  /** Every signature that had a request or a batch, as far as the ledger was read. */
  *all(): Iterable<SignatureTotals> {
    for (const versions of this.#models.values()) {
      for (const signatures of versions.values()) yield* signatures.values();
    }
  }

  signaturesOf(model: string, version: string): Iterable<SignatureTotals> {
    this.settle();
    return this.#models.get(model)?.get(version)?.values() ?? [];
  }

  /** A version was unloaded: its statistics begin anew, with the next load. */
  forgetStatistics(model: string, version: string): void {
    for (const each of this.signaturesOf(model, version)) each.forgetStatistics();
  }

  /** Its series were removed from the families. It keeps statistics since: it may have been loaded again. */
  remove(model: string, version: string): void {
    const versions = this.#models.get(model);
    const isKept = [...this.signaturesOf(model, version)].filter((each) => each.restart()).length > 0;
    if (!isKept) versions?.delete(version);
    if (versions?.size === 0) this.#models.delete(model);
    this.#last = undefined;
  }

  #recordSteps(steps: readonly StepRecord[], rows: number): void {
    for (const step of steps) {
      // A step that has not ended was given up with its ensemble.
      if (step.stages.finishedAt === 0) continue;
      this.#of(step.model, step.version, step.signatureName).recordStep(step, rows);
      if (step.steps !== undefined) this.#recordSteps(step.steps, rows);
    }
  }

  #of(model: string, version: string, signature: string): SignatureTotals {
    const last = this.#last?.labels;
    if (last?.model === model && last.version === version && last.signature === signature) return this.#last!;
    const found = this.#models.get(model)?.get(version)?.get(signature);
    this.#last = found ?? this.#open(model, version, signature);
    return this.#last;
  }

  #open(model: string, version: string, signature: string): SignatureTotals {
    const { families, tfServing } = this.#options;
    const totals = new SignatureTotals(families, tfServing, { model, version, signature });
    const versions = this.#models.get(model) ?? new Map<string, Signatures>();
    const signatures = versions.get(version) ?? new Map<string, SignatureTotals>();
    this.#models.set(model, versions.set(version, signatures.set(signature, totals)));
    return totals;
  }
}
