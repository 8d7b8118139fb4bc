/**
 * The batching of one version: decides it while the version loads, as far as that takes little time, and goes on while
 * the version is served.
 *
 *   decide() ──▶ signatures to serve; a proof that takes long leaves `none`, or no padding, for now
 *   serve()  ──▶ held proofs go on between requests ──▶ accepted: onProved puts the signatures in place
 *   end()    ──▶ no run follows. The run in progress ends with its host.
 */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../core/clock.ts';
import { toServingError } from '../../core/errors.ts';
import type { Executor } from '../../core/executor.ts';
import type { BatchAxis, LengthPadding, Signature, Signatures } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { asFound, isDecided } from '../../models/loading/batch-axes.ts';
import type { ReplaceSignatures, ServedLoad, VersionDraft } from '../../models/loading/load-steps.ts';
import type { PaddingState, SharingFindings } from '../../models/serving/sharing-findings.ts';
import { type BatchingDecision, decideBatching } from './decide-batching.ts';
import type { KeptOutcomes } from './decision-store.ts';
import { paddingText } from './padding-candidate.ts';
import { ProofPace } from './proof-pace.ts';
import { ProofEnded, ProofStopped, type RowsProof } from './proof-runs.ts';
import { provePadding } from './prove-padding.ts';
import { proveRows } from './prove-rows.ts';
import type { RecordedInputs } from './recorded-requests.ts';
import { VersionPadding } from './version-padding.ts';

export interface VersionBatchingOptions
  extends Pick<VersionDraft, 'signatures' | 'slowRunMs' | 'declared' | 'padValues' | 'judge'> {
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
    return served;
  }

  /**
   * Call once, when the version is served. `onProved` gets the signatures that share runs otherwise than before: those
   * whose batch axis was accepted, then those whose padding was. It must not reject.
   */
  serve(served: ServedLoad, onProved: ReplaceSignatures): void {
    this.#pace.serve(served);
    this.#goOn(onProved).catch(ignoreEnd);
  }

  /** The padding is off, for this reason: it was accepted, and is not served any more. */
  refusePadding(signature: string, reason: string): void {
    this.#padding?.refuse(signature, reason);
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
    if (accepted.size > 0) await onProved(accepted);
    const padded = await this.#padding?.more(accepted);
    if (padded !== undefined && padded.size > 0) await onProved(padded);
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
  #inTurn(name: string, prove: (recorded: readonly TensorMap[]) => Promise<RowsProof>): Promise<RowsProof> {
    const proof = this.#last.then(async () => {
      this.#recorded ??= this.#options.readRecorded();
      return prove((await this.#recorded).get(name) ?? []);
    });
    this.#last = proof.catch(ignoreEnd);
    return proof;
  }

  /** Undefined where requests of different lengths are not to share runs. */
  #paddingOf({ padValues, executor, events }: VersionBatchingOptions): VersionPadding | undefined {
    if (padValues === undefined) return undefined;
    return new VersionPadding({
      values: padValues,
      isElsewhere: executor.isElsewhere === true,
      prove: (name, signature, padding) => this.#provePadding(name, signature, padding),
      whileLoading: (proof) => this.#whileLoading(proof),
      onState: (name, state) => events.onPadding?.(name, state),
    });
  }

  /** Proves the padding by runs, unless an earlier start has done so. */
  async #provePadding(name: string, signature: Signature, padding: LengthPadding): Promise<RowsProof> {
    const { kept } = this.#options;
    const text = paddingText(padding, signature);
    const known = kept.paddingOf(name, text);
    if (known !== undefined) return known;
    const run = (inputs: TensorMap, rows: number): Promise<TensorMap> => this.#runNext(name, signature, inputs, rows);
    const proof = await this.#inTurn(name, (recorded) => provePadding({ signature, padding, recorded, run }));
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
