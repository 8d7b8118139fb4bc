/**
 * The batching of one version: decides it while the version loads, as far as that takes little time, and goes on while
 * the version is served.
 *
 *   decide() ──▶ signatures to serve; a proof that takes long leaves `none`, or short rows alone padded, for now
 *   serve()  ──▶ held proofs go on between requests ──▶ accepted: onProved puts the signatures in place
 *   end()    ──▶ no run follows. The run in progress ends with its host.
 */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../core/clock.ts';
import { toServingError } from '../../core/errors.ts';
import type { Executor } from '../../core/executor.ts';
import type { BatchAxis, Signature, Signatures } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { asFound, isDecided } from '../../models/loading/batch-axes.ts';
import type { ReplaceSignatures, ServedLoad, VersionDraft } from '../../models/loading/load-steps.ts';
import type { PaddingState, SharingFindings } from '../../models/serving/sharing-findings.ts';
import { type BatchingDecision, decideBatching } from './decide-batching.ts';
import type { KeptOutcomes } from './decision-store.ts';
import { paddingText } from './padding/padding-candidate.ts';
import { type PaddingProof, provePadding } from './padding/prove-padding.ts';
import { UNASKED_LONGEST } from './padding/trial-lengths.ts';
import { type PaddingTrial, VersionPadding } from './padding/version-padding.ts';
import { ProofPace } from './proof-pace.ts';
import { ProofEnded, ProofStopped, type RowsProof } from './proof-runs.ts';
import { proveRows } from './prove-rows.ts';
import type { RecordedInputs } from './recorded-requests.ts';

export interface VersionBatchingOptions
  extends Pick<VersionDraft, 'signatures' | 'slowRunMs' | 'declared' | 'paddings' | 'judge' | 'readLengths'> {
  readonly clock: Clock;
  readonly executor: Executor;
  readonly maxRows: number;
  readonly kept: KeptOutcomes;
  /** Called at most once. */
  readonly readRecorded: () => Promise<RecordedInputs>;
  readonly events: BatchingEvents;
}

/** Events for the log. */
export interface BatchingEvents {
  onDecided(signature: string, axis: BatchAxis): void;
  /** Called with the reason if what the owner has declared is wrong. */
  onDisproved(signature: string, reason: string): void;
  onPadding?(signature: string, state: PaddingState): void;
}

/** Batch sizes that are tried while requests are served: larger ones would keep them waiting. */
const MOST_ROWS_BETWEEN_REQUESTS = 8;
const ROUNDS_BETWEEN_REQUESTS = 2;
/** The runs of a proof of padding take at most so long together, beside those of the proof of rows. */
const PADDING_BUDGET_MS = 240_000;
/** A run with more rows than two is no longer. */
const MOST_RUN_MS_BETWEEN_REQUESTS = 100;

export class VersionBatching implements SharingFindings {
  /** The reasons why what the owner has declared is wrong, by signature. */
  readonly disproofs = new Map<string, string>();
  /** The states by signature; empty where requests of different lengths are not to share runs. May grow. */
  readonly paddings: ReadonlyMap<string, PaddingState>;
  readonly #padding: VersionPadding | undefined;
  readonly #options: VersionBatchingOptions;
  readonly #pace: ProofPace;
  readonly #pending = new Map<string, BatchingDecision>();
  readonly #proofs = new Map<string, Promise<RowsProof>>();
  #recorded: Promise<RecordedInputs> | undefined;
  /** One proof at a time. */
  #last: Promise<unknown> = Promise.resolve();
  /** The first run, of the smallest batch; resolves with its duration in ms. */
  #firstRun: Promise<number> | undefined;

  constructor(options: VersionBatchingOptions) {
    this.#options = options;
    this.#pace = new ProofPace(options.clock, options.slowRunMs);
    this.#padding = this.#paddingOf(options);
    this.paddings = this.#padding?.states ?? new Map();
  }

  /** The signatures to serve. Rejects with the error of a file that cannot be read. */
  async decide(): Promise<Signatures> {
    const served = new Map<string, Signature>();
    for (const [name, loaded] of this.#options.signatures) {
      const decided = await this.#decideOne(name, loaded);
      const padding = this.#pending.has(name) ? undefined : this.#padding;
      served.set(name, (await padding?.decide(name, decided)) ?? decided);
    }
    this.#pace.hold();
    return served;
  }

  /**
   * Call once, when the version is served. `onProved` gets the signatures whose batch axis was accepted. It must not
   * reject.
   */
  serve(served: ServedLoad, onProved: ReplaceSignatures): void {
    this.#pace.serve(served);
    this.#goOn(onProved).catch(ignoreEnd);
  }

  /** The padding of the signature is off, for this reason, now and at the next start: it was accepted before. */
  refusePadding(name: string, signature: Signature, reason: string): void {
    const { kept, paddings } = this.#options;
    this.#padding?.refuse(name, reason);
    if (signature.padding === undefined) return;
    const text = paddingText(signature.padding, signature, paddings?.get(name)?.longest);
    void kept.keepPadding(name, text, { kind: 'rejected', reason, runs: 0, most: 0, isWhole: true });
  }

  /** How long the first run took, when it has ended, in ms; 0 = there was none. */
  async firstRunMs(): Promise<number> {
    return (await this.#firstRun) ?? 0;
  }

  /** Idempotent. */
  end(): void {
    this.#pace.end();
  }

  async #decideOne(name: string, loaded: Signature): Promise<Signature> {
    if (isDecided(loaded)) return this.#asRefuted(name, loaded);
    const { kept, judge, events } = this.#options;
    const decision = await decideBatching(loaded, {
      kept: async () => kept.of(name),
      judge: () => judge(name),
      prove: (isOnlyProof) => this.#proveWhileLoading(name, loaded, isOnlyProof),
    });
    let { signature } = decision;
    if (decision.afterRuns === undefined) await this.#conclude(name, decision);
    else {
      events.onDecided(name, signature.batchAxis);
      signature = { ...signature, batchAxis: this.#unfinishedAxis(name) };
      this.#pending.set(name, decision);
    }
    return signature;
  }

  /** A backend’s decision holds until shared runs have shown otherwise, the owner’s word for good. */
  #asRefuted(name: string, decided: Signature): Signature {
    const { kept, declared, events } = this.#options;
    const found = kept.of(name);
    if (found?.kind !== 'mixed' || declared.has(name) || decided.batchAxis.kind === 'none') return decided;
    const refuted = asFound(decided, found);
    events.onDecided(name, refuted.batchAxis);
    return refuted;
  }

  /** Its reason changes when the proof ends: the signature may stay as it is. */
  #unfinishedAxis(name: string): BatchAxis {
    const pending = this.#pending;
    return {
      kind: 'none',
      get reason(): string {
        return pending.get(name)?.signature.batchAxis.reason ?? '';
      },
      get fix(): string | undefined {
        return pending.get(name)?.signature.batchAxis.fix;
      },
    } as BatchAxis;
  }

  /** Logs the final decision, and keeps it. */
  async #conclude(name: string, { signature, found }: BatchingDecision): Promise<void> {
    this.#options.events.onDecided(name, signature.batchAxis);
    // An unknown axis may be found out at the next start, so it is not kept.
    if (found !== undefined && found.kind !== 'unknown') await this.#options.kept.keep(name, found);
  }

  async #proveWhileLoading(name: string, loaded: Signature, isOnlyProof: boolean): Promise<RowsProof | 'running'> {
    const proof = this.#prove(name, loaded, isOnlyProof);
    const ended = await this.#whileLoading(proof);
    if (ended !== undefined) return ended;
    this.#proofs.set(name, proof);
    return 'running';
  }

  async #goOn(onProved: ReplaceSignatures): Promise<void> {
    const accepted = new Map<string, Signature>();
    for (const [name, proof] of this.#proofs) {
      const decision = this.#pending.get(name)!.afterRuns!(await proof);
      this.#pending.set(name, decision);
      await this.#conclude(name, decision);
      if (decision.signature.batchAxis.kind !== 'none') accepted.set(name, decision.signature);
    }
    if (accepted.size > 0) await onProved(this.#padding?.added(accepted) ?? accepted);
    await this.#padding?.ended();
    await this.#checkDeclared();
  }

  /** Says so if what the owner has declared is wrong; it is obeyed all the same. */
  async #checkDeclared(): Promise<void> {
    const { declared, judge, events, executor } = this.#options;
    for (const [name, signature] of declared) {
      if (signature.batchAxis.kind === 'none' || executor.isElsewhere === true) continue;
      const verdict = await judge(name, signature.batchAxes);
      let reason = verdict?.kind === 'mixed' ? verdict.reason : undefined;
      if (reason === undefined) {
        const proof = await this.#prove(name, signature, false);
        if (proof.kind === 'rejected') ({ reason } = proof);
      }
      if (reason === undefined) continue;
      this.disproofs.set(name, reason);
      events.onDisproved(name, reason);
    }
  }

  #prove(name: string, signature: Signature, isOnlyProof: boolean): Promise<RowsProof> {
    return this.#inTurn(name, (recorded) =>
      proveRows({
        signature,
        recorded,
        isOnlyProof,
        // Each range of values costs a slow model seconds, and the graph has proved all of them.
        rounds: () => (this.#pace.isGentle && !isOnlyProof ? ROUNDS_BETWEEN_REQUESTS : Infinity),
        maxRows: () => (this.#pace.isGentle ? MOST_ROWS_BETWEEN_REQUESTS : this.#options.maxRows),
        run: (inputs, rows) => this.#runNext(name, signature, inputs, rows),
      }),
    );
  }

  /** Makes a proof behind those that have begun. */
  #inTurn<T>(name: string, prove: (recorded: readonly TensorMap[]) => Promise<T>): Promise<T> {
    const proof = this.#last.then(async () => {
      this.#recorded ??= this.#options.readRecorded();
      return prove((await this.#recorded).get(name) ?? []);
    });
    this.#last = proof.catch(ignoreEnd);
    return proof;
  }

  /** Undefined where requests of different lengths are not to share runs. */
  #paddingOf({ paddings, executor, readLengths, events }: VersionBatchingOptions): VersionPadding | undefined {
    if (paddings === undefined) return undefined;
    return new VersionPadding({
      declared: paddings,
      isElsewhere: executor.isElsewhere === true,
      readLengths,
      prove: (name, trial) => this.#provePadding(name, trial),
      whileLoading: (enough) => this.#pace.whileLoading(enough),
      onState: (name, state) => events.onPadding?.(name, state),
    });
  }

  /** Proves the padding by runs, beyond what is known of it. Rejects with NotRead. */
  async #provePadding(name: string, { changes, onProved, ...trial }: PaddingTrial): Promise<PaddingProof> {
    const { kept } = this.#options;
    const { signature, padding, longest, from = 0, until = UNASKED_LONGEST } = trial;
    const text = paddingText(padding, signature, longest);
    const known = from > 0 ? undefined : kept.paddingOf(name, text);
    if (known !== undefined && (known.isWhole || known.most >= until)) return known;
    if (known !== undefined) onProved(known.most, known.runs);
    const read = await changes();
    this.#pace.allow(PADDING_BUDGET_MS);
    const proof = await this.#inTurn(name, (recorded) =>
      provePadding({
        ...{ ...trial, from: Math.max(from, known?.most ?? 0), changes: read, recorded },
        mostRows: () => this.#pace.rowsWithin(MOST_RUN_MS_BETWEEN_REQUESTS),
        run: (inputs, rows) => this.#runNext(name, signature, inputs, rows),
        onProved: (most, runs) => {
          onProved(most, runs);
          void kept.keepPadding(name, text, { kind: 'accepted', reason: '', runs, most, isWhole: false });
        },
      }),
    );
    // An undecided padding may be found out at the next start, so it is not kept.
    if (proof.kind !== 'undecided') await kept.keepPadding(name, text, proof);
    return proof;
  }

  /** The outcome of the proof; undefined if the load need not wait any longer. */
  async #whileLoading(proof: Promise<RowsProof>): Promise<RowsProof | undefined> {
    let ended: RowsProof | undefined;
    await this.#pace.whileLoading(proof.then((outcome) => (ended = outcome)));
    return ended;
  }

  async #runNext(name: string, signature: Signature, inputs: TensorMap, rows: number): Promise<TensorMap> {
    await this.#pace.next();
    // Requests for other models have their turn between two runs.
    await setImmediate();
    const startedAt = this.#options.clock.nowMs();
    const run = this.#runOnce(name, signature, inputs, rows);
    const tookMs = (): number => this.#options.clock.nowMs() - startedAt;
    this.#firstRun ??= run.then(tookMs, tookMs);
    return run;
  }

  async #runOnce(name: string, { outputs }: Signature, inputs: TensorMap, rows: number): Promise<TensorMap> {
    const { clock, executor } = this.#options;
    const startedAt = clock.nowMs();
    let tookMs: number | undefined;
    try {
      const names = [...outputs.keys()];
      const deadline = startedAt + this.#pace.leftMs;
      const result = await executor.run({ signatureName: name, inputs, outputs: names, size: rows, deadline });
      const { runStart, runEnd } = result;
      // The time that the run waited behind requests does not count.
      if (runStart !== undefined && runEnd !== undefined) tookMs = runEnd - runStart;
      return result.outputs;
    } catch (thrown) {
      const error = toServingError(thrown);
      if (error.kind === 'backend_failed' || error.kind === 'invalid_request') throw error;
      throw new ProofStopped(`a run failed: ${error.message}`, { cause: error });
    } finally {
      this.#pace.ran(tookMs ?? clock.nowMs() - startedAt);
    }
  }
}

function ignoreEnd(error: unknown): void {
  if (!(error instanceof ProofEnded)) throw error;
}
