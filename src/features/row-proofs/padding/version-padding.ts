/**
 * Decides, by signature of one version, how far requests of different lengths share runs:
 *
 *   the dims allow it (padding-candidate.ts)? ── no ──▶ off
 *   the graph tells at which lengths its arithmetic may change, or the owner assures it? ── no ──▶ off
 *   runs, from short rows to long ones (prove-padding.ts) ── an answer changes ──▶ off
 *          │
 *          ▼ on, up to the longest length that is proved so far
 *
 * It begins while the version loads, after the proof of its batch axis, and goes on while it is served; beyond
 * UNASKED_LONGEST when longer rows come. A signature that may be padded is served with its padding from the start; what is
 * proved later widens it in place.
 */
import type { LengthReading } from '../../../backends/backend.ts';
import type { Signature, Signatures } from '../../../core/signature.ts';
import type { DeclaredPadding } from '../../../models/model-file/declare-padding.ts';
import type { PaddingState } from '../../../models/serving/sharing-findings.ts';
import { type ProvedPadding, paddingCandidate } from './padding-candidate.ts';
import type { PaddingProof, PaddingProofOptions } from './prove-padding.ts';

/** The part of a proof's options that is known here. */
export type PaddingTrial = Pick<PaddingProofOptions, 'signature' | 'padding' | 'longest' | 'from' | 'until'> & {
  readonly onProved: NonNullable<PaddingProofOptions['onProved']>;
  /** Read only if nothing is known of an earlier start. Rejects with NotRead. */
  readonly changes: () => Promise<readonly number[]>;
};

/** The graph does not tell at which lengths its arithmetic may change; the message is the reason. */
export class NotRead extends Error {}

export interface VersionPaddingOptions {
  /** Signatures that are not named have no pad values. */
  readonly declared: ReadonlyMap<string, DeclaredPadding>;
  /** Another server runs the version. */
  readonly isElsewhere: boolean;
  readonly readLengths: (name: string) => Promise<LengthReading>;
  /** Rejects with NotRead. */
  readonly prove: (name: string, trial: PaddingTrial) => Promise<PaddingProof>;
  /** Resolves when the promise has, or when the load need not wait any longer. */
  readonly whileLoading: (enough: Promise<unknown>) => Promise<unknown>;
  /** Called for the log when padding is on for the first time, and with the final state. */
  readonly onState: (signature: string, state: PaddingState) => void;
}

const NOTHING_DECLARED: DeclaredPadding = { values: new Map() };
const STILL_RUNS: PaddingState = { isOn: false, most: 0, reason: 'the proof still runs' };

export class VersionPadding {
  /** The states of signatures whose rows may differ in shape and share runs. May grow. */
  readonly states = new Map<string, PaddingState>();
  readonly #options: VersionPaddingOptions;
  readonly #paddings = new Map<string, ProvedPadding>();
  readonly #proofs: Promise<void>[] = [];
  /** Called when something is known of a padding for the first time. */
  readonly #onFirst = new Map<ProvedPadding, () => void>();

  constructor(options: VersionPaddingOptions) {
    this.#options = options;
  }

  /** The signature as it is served. Rejects as `prove` does, but for NotRead. */
  async decide(name: string, signature: Signature): Promise<Signature> {
    const padding = this.#begin(name, signature);
    if (padding === undefined) return signature;
    const proof = this.#proofs.at(-1)!;
    await this.#options.whileLoading(Promise.race([proof, this.#firstOf(padding)]));
    return this.#paddings.has(name) ? { ...signature, padding } : signature;
  }

  /** The signatures whose batch axis was accepted while the version is served, as they are served from now on. */
  added(accepted: Signatures): Signatures {
    return new Map(
      [...accepted].map(([name, signature]) => {
        const padding = this.#begin(name, signature);
        return [name, padding === undefined ? signature : { ...signature, padding }];
      }),
    );
  }

  /** Resolves when all proofs have ended. */
  async ended(): Promise<void> {
    await Promise.all(this.#proofs);
  }

  /** Padding has changed an answer: it is off from now on. */
  refuse(name: string, reason: string): void {
    const padding = this.#paddings.get(name);
    if (padding !== undefined) {
      padding.most = 0;
      padding.onLonger = undefined;
    }
    this.#paddings.delete(name);
    this.#set(name, { isOn: false, most: 0, reason });
  }

  /** Undefined = it is not padded; `states` says why, where its rows may differ in shape. */
  #begin(name: string, signature: Signature): ProvedPadding | undefined {
    const { isElsewhere } = this.#options;
    if (signature.batchAxis.kind === 'none') return undefined;
    const candidate = paddingCandidate(signature, this.#declaredOf(name).values);
    if (candidate === undefined) return undefined;
    if (typeof candidate === 'string' || isElsewhere) {
      const reason = typeof candidate === 'string' ? candidate : 'another server runs it, so nothing can be tried';
      this.#set(name, { isOn: false, most: 0, reason });
      return undefined;
    }
    this.#paddings.set(name, candidate);
    this.states.set(name, STILL_RUNS);
    const proof = this.#prove(name, signature, candidate);
    // `decide` and `ended` tell of its error.
    proof.catch(() => undefined);
    this.#proofs.push(proof);
    return candidate;
  }

  /** `until`: the length that some row has; undefined = at the load. */
  async #prove(name: string, signature: Signature, padding: ProvedPadding, until?: number): Promise<void> {
    const { longest } = this.#declaredOf(name);
    const from = padding.most;
    const onProved = (most: number, runs: number): void => this.#widen(name, padding, most, runs);
    const changes = (): Promise<readonly number[]> => this.#changesOf(name);
    try {
      const trial = { signature, padding, longest, from, until, changes, onProved };
      const proof = await this.#options.prove(name, trial);
      this.#conclude(name, padding, proof);
      // Another try would end likewise where nothing was gained.
      if (proof.isWhole || padding.most <= from) return;
      padding.onLonger = (length) => {
        padding.onLonger = undefined;
        this.#prove(name, signature, padding, length).catch(() => undefined);
      };
    } catch (error) {
      if (!(error instanceof NotRead)) throw error;
      this.refuse(name, error.message);
    }
  }

  #declaredOf(name: string): DeclaredPadding {
    return this.#options.declared.get(name) ?? NOTHING_DECLARED;
  }

  async #changesOf(name: string): Promise<readonly number[]> {
    const reading = await this.#options.readLengths(name);
    if (reading.kind === 'read') return reading.lengths;
    if (this.#declaredOf(name).isAssured === true) return [];
    throw new NotRead(`nothing shows at which lengths its arithmetic may change: ${reading.reason}`);
  }

  /** Unless it has been refused. */
  #widen(name: string, padding: ProvedPadding, most: number, runs: number): void {
    if (this.#paddings.get(name) !== padding || most <= padding.most) return;
    const isFirst = padding.most === 0;
    padding.most = most;
    const state = { isOn: true, most, reason: `${provedText(most, runs)} so far` };
    if (isFirst) this.#set(name, state);
    else this.states.set(name, state);
  }

  #conclude(name: string, padding: ProvedPadding, { kind, reason, runs, most }: PaddingProof): void {
    if (this.#paddings.get(name) !== padding) return;
    if (kind !== 'accepted') {
      this.refuse(name, kind === 'rejected' ? reason : `runs do not prove that it is safe: ${reason}`);
      return;
    }
    padding.most = most;
    const because = reason === '' ? '' : `; ${reason}`;
    this.#set(name, { isOn: true, most, reason: `${provedText(most, runs)}${because}` });
  }

  /** Resolves when something is proved. */
  #firstOf(padding: ProvedPadding): Promise<void> {
    if (padding.most > 0) return Promise.resolve();
    return new Promise((resolve) => this.#onFirst.set(padding, resolve));
  }

  #set(name: string, state: PaddingState): void {
    this.states.set(name, state);
    this.#options.onState(name, state);
    const padding = this.#paddings.get(name);
    if (padding === undefined) return;
    this.#onFirst.get(padding)?.();
    this.#onFirst.delete(padding);
  }
}

function provedText(most: number, runs: number): string {
  return `up to length ${most}, by ${runs} runs in which it changed no answer`;
}
