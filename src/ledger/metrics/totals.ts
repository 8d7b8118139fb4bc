/**
 * The totals of all requests and batches since the start, by signature:
 *
 *   model → version → signature → SignatureTotals
 */
import { ByVersion } from '../by-version.ts';
import type { RequestRing } from '../recorder/request-ring.ts';
import type { BatchRecord, RequestRecord } from '../request-record.ts';
import { type RequestKind, type SignatureFamilies, type SignatureLabels, SignatureTotals } from './signature-totals.ts';

export interface TotalsOptions {
  readonly families: SignatureFamilies;
  /** Has everything recorded that ended before now. */
  readonly settle: () => void;
}

/** Counts requests of one kind, at places `from` to `to` − 1 of the ring. */
export interface ColumnFollower {
  recordColumns(kind: RequestKind, ring: RequestRing, from: number, to: number): void;
}

export class Totals {
  readonly #options: TotalsOptions;
  readonly #versions = new ByVersion(() => new Map<string, SignatureTotals>());
  /** Are given the same columns, afterwards. */
  readonly followers = new Set<ColumnFollower>();

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
      const signature = this.#of(model, version, signatureName);
      const kind = signature.recordColumns({ surface, method, outcome }, ring, at, end);
      for (const follower of this.followers) follower.recordColumns(kind, ring, at, end);
      at = end;
    }
  };

  /** Counts what is in no column; call it after `recordColumns`. `traceId`: of its trace if its spans are exported. */
  recordRequest(record: RequestRecord, traceId: string | undefined): void {
    if (traceId === undefined && record.error === undefined) return;
    const { model, version, signatureName } = record;
    this.#of(model, version, signatureName).recordRequest(record, traceId);
  }

  recordBatch(record: BatchRecord): void {
    this.#of(record.model, record.version, record.signatureName).recordBatch(record);
  }

  /** Has everything counted that ended before now. */
  settle(): void {
    this.#options.settle();
  }

  /** Every signature that had a request or a batch, as far as the ledger was read. */
  *all(): Iterable<SignatureTotals> {
    for (const signatures of this.#versions.values()) yield* signatures.values();
  }

  signaturesOf(model: string, version: string): Iterable<SignatureTotals> {
    this.settle();
    return this.#versions.find(model, version)?.values() ?? [];
  }

  /** The series of a version were removed from the families. */
  remove(model: string, version: string): void {
    this.#versions.forget(model, version);
  }

  #of(model: string, version: string, signature: string): SignatureTotals {
    const signatures = this.#versions.of(model, version);
    return signatures.get(signature) ?? this.#open(signatures, { model, version, signature });
  }

  #open(signatures: Map<string, SignatureTotals>, labels: SignatureLabels): SignatureTotals {
    const totals = new SignatureTotals(this.#options.families, labels);
    signatures.set(labels.signature, totals);
    return totals;
  }
}
