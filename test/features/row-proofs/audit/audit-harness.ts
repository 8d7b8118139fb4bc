/** Shared runs of a version on a fake clock, whose model is a function, and what its audits say of them. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import type { Batch, BatchOrigin, BatchResult, BatchShare, Executor } from '../../../../src/core/executor.ts';
import { Priority } from '../../../../src/core/priority.ts';
import type { Signature } from '../../../../src/core/signature.ts';
import type { TensorMap } from '../../../../src/core/tensor.ts';
import { AuditBudget } from '../../../../src/features/row-proofs/audit/audit-budget.ts';
import type { AuditResult } from '../../../../src/features/row-proofs/audit/audit-metrics.ts';
import type { Fault, Suspect } from '../../../../src/features/row-proofs/audit/judge-run.ts';
import { VersionAudit } from '../../../../src/features/row-proofs/audit/version-audit.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { matrix, type Rows, rowRun, signatureOf } from '../../../support/row-models.ts';

export type RunModel = (inputs: TensorMap, batch: Batch) => TensorMap | Promise<TensorMap>;

export interface HarnessInit {
  readonly signature?: Signature;
  /** Default: each row doubled. */
  readonly model?: RunModel;
  readonly runMs?: number;
  readonly threads?: number;
  readonly isInline?: boolean;
  /** Whether it is to be audited further. */
  readonly refute?: () => boolean;
}

/** The idle time before the first run, which earns 4 s of audits. */
const EARNING_MS = 1_000_000;

/** A model of rows of numbers: y of x. */
export function ofRows(model: (x: Rows, batch: Batch) => Rows): RunModel {
  return (inputs, batch) => rowRun((x) => model(x, batch))(inputs);
}

export const doubled = (row: readonly number[]): number[] => row.map((v) => 2 * v + 1);

export class AuditHarness {
  readonly clock = new FakeClock();
  readonly load = { queuedTasks: 0, runningBatches: 0 };
  readonly results: AuditResult[] = [];
  readonly refuted: { readonly fault: Fault; readonly suspect: Suspect }[] = [];
  readonly transients: Suspect[] = [];
  readonly unsteady: string[] = [];
  readonly errors: unknown[] = [];
  /** Batches that nobody asked for: those of audits. */
  readonly asked: Batch[] = [];
  readonly budget: AuditBudget;
  readonly audit: VersionAudit;
  readonly executor: Executor;
  readonly signature: Signature;
  isServerBusy = false;
  model: RunModel;
  readonly #wanted: readonly string[];

  constructor({
    signature = signatureOf(),
    model,
    runMs = 1,
    threads = 1,
    isInline = false,
    refute,
  }: HarnessInit = {}) {
    const { clock } = this;
    this.signature = signature;
    this.#wanted = [...signature.outputs.keys()];
    this.model = model ?? ofRows((x) => x.map(doubled));
    const host: Executor = {
      ...{ slots: 1, threads, isInline, release: () => undefined, allocate: (bytes) => new ArrayBuffer(bytes) },
      run: async (batch): Promise<BatchResult> => {
        if (batch.origin === undefined) this.asked.push(batch);
        const runStart = clock.nowMs();
        const outputs = await this.model(batch.inputs, batch);
        clock.advance(runMs);
        await turn();
        // As a host does with the scheduler's memory, which it reuses. It only reads that of others.
        if (batch.origin !== undefined) scribbleOver(batch.inputs);
        return { outputs, runStart, runEnd: runStart + runMs };
      },
    };
    this.budget = new AuditBudget(clock);
    this.audit = new VersionAudit({
      ...{ clock, executor: host, budget: this.budget, random: () => 0.5 },
      isServerBusy: () => this.isServerBusy,
      events: {
        onResult: (result) => this.results.push(result),
        onTransient: (_, suspect) => this.transients.push(suspect),
        onUnsteady: (name) => this.unsteady.push(name),
        onInternalError: (error) => this.errors.push(error),
        refute: (_, fault, suspect) => {
          this.refuted.push({ fault, suspect });
          return refute?.() ?? false;
        },
      },
    });
    this.executor = this.audit.around(host);
    this.audit.serve(this.load, new Map([['s', signature]]));
    clock.advance(EARNING_MS);
  }

  /** A batch of several requests with one row each, unless `shares` tells otherwise. */
  batchOf(inputs: TensorMap, size: number, shares?: readonly BatchShare[], isShared = true): Batch {
    const origin: BatchOrigin = {
      ...{ traceHeaders: undefined, priority: Priority.default, onAbandoned: undefined, isShared },
      shares: shares ?? Array.from({ length: size }, () => ({ rows: 1, unpadded: undefined })),
      note: () => undefined,
    };
    return { signatureName: 's', inputs, outputs: this.#wanted, size, deadline: Infinity, origin };
  }

  /** Runs a batch as the scheduler does. */
  run(...of: Parameters<AuditHarness['batchOf']>): Promise<BatchResult> {
    return this.executor.run(this.batchOf(...of));
  }

  /** Shared runs of other rows each time, until `count` of them. */
  async shareRuns(count: number, rows = 4): Promise<void> {
    for (let i = 0; i < count; i++) await this.run(rowsFrom(i, rows), rows);
  }

  /** Shared runs until one is audited: as many as it takes from the last audited one. `next` makes the inputs anew. */
  async audited(next: () => Parameters<AuditHarness['batchOf']> = () => [rowsFrom(3, 4), 4]): Promise<AuditResult> {
    const before = this.results.length;
    for (let i = 0; i < 3000 && this.results.length === before; i++) {
      await this.run(...next());
      await this.settle(2);
    }
    assert.ok(this.results.length > before, 'no run was audited');
    await this.settle();
    return this.results.at(-1)!;
  }

  /** Lets time pass, so that an audit in progress goes on. */
  async settle(steps = 400): Promise<void> {
    for (let i = 0; i < steps; i++) {
      this.clock.advance(1);
      await turn();
    }
  }
}

function scribbleOver(inputs: TensorMap): void {
  for (const { dtype, data } of inputs.values()) if (dtype !== 'string') data.fill(0xee);
}

/** x of `rows` rows, which differ. */
export function rowsFrom(seed: number, rows: number): TensorMap {
  const row = (i: number): number[] => [0, 1, 2, 3].map((j) => Math.sin(7 * seed + 3 * i + j) * 4);
  return new Map([
    [
      'x',
      matrix(
        Array.from({ length: rows }, (_, i) => row(i)),
        'float32',
      ),
    ],
  ]);
}
