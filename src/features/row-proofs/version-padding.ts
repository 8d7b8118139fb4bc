/**
 * Decides, by signature of one version, whether requests of different lengths share runs: where the dims allow it
 * (padding-candidate.ts) and runs show no change of answers (prove-padding.ts). Like the proof of its batch
 * axis, which comes first, it begins while the version loads and goes on while it is served.
 */
import type { LengthPadding, Signature, Signatures } from '../../core/signature.ts';
import type { PadValues } from '../../models/model-file/declare-pad-values.ts';
import type { PaddingState } from '../../models/serving/sharing-findings.ts';
import { paddingCandidate } from './padding-candidate.ts';
import type { RowsProof } from './proof-runs.ts';

export interface VersionPaddingOptions {
  /** Pad values by signature; those that are not named have none. */
  readonly values: ReadonlyMap<string, PadValues>;
  /** Another server runs the version. */
  readonly isElsewhere: boolean;
  readonly prove: (name: string, signature: Signature, padding: LengthPadding) => Promise<RowsProof>;
  /** Resolves with the outcome; undefined = the load need not wait any longer. */
  readonly whileLoading: (proof: Promise<RowsProof>) => Promise<RowsProof | undefined>;
  /** Called for the log with each new state that is final. */
  readonly onState: (signature: string, state: PaddingState) => void;
}

/** A signature whose proof has not ended. */
interface Held {
  readonly signature: Signature;
  readonly padding: LengthPadding;
  readonly proof: Promise<RowsProof>;
}

const NO_VALUES: PadValues = new Map();

export class VersionPadding {
  /** The states of signatures whose rows may differ in shape and share runs. May grow. */
  readonly states = new Map<string, PaddingState>();
  readonly #options: VersionPaddingOptions;
  readonly #held = new Map<string, Held>();

  constructor(options: VersionPaddingOptions) {
    this.#options = options;
  }

  /** The signature as it is to be served at first. Rejects as `prove` does. */
  async decide(name: string, signature: Signature): Promise<Signature> {
    const padding = this.#candidate(name, signature);
    if (padding === undefined) return signature;
    const proof = this.#options.prove(name, signature, padding);
    const ended = await this.#options.whileLoading(proof);
    if (ended !== undefined) return this.#conclude(name, { signature, padding, proof }, ended);
    this.states.set(name, { isOn: false, reason: 'the proof still runs' });
    this.#held.set(name, { signature, padding, proof });
    return signature;
  }

  /** While the version is served: the signatures that are padded now, also of those whose batch axis was `accepted`. */
  async more(accepted: Signatures): Promise<Signatures> {
    const padded = new Map<string, Signature>();
    for (const [name, signature] of accepted) {
      const padding = this.#candidate(name, signature);
      if (padding === undefined) continue;
      this.#held.set(name, { signature, padding, proof: this.#options.prove(name, signature, padding) });
    }
    for (const [name, held] of this.#held) {
      const signature = this.#conclude(name, held, await held.proof);
      if (signature.padding !== undefined) padded.set(name, signature);
    }
    return padded;
  }

  /** It was accepted, and is off from now on. */
  refuse(name: string, reason: string): void {
    this.#set(name, { isOn: false, reason });
  }

  /** Undefined = it is not padded, which `states` says where its rows may differ in shape. */
  #candidate(name: string, signature: Signature): LengthPadding | undefined {
    const { values, isElsewhere } = this.#options;
    if (signature.batchAxis.kind === 'none') return undefined;
    const candidate = paddingCandidate(signature, values.get(name) ?? NO_VALUES);
    if (candidate === undefined) return undefined;
    if (typeof candidate === 'string') this.#set(name, { isOn: false, reason: candidate });
    else if (isElsewhere) this.#set(name, { isOn: false, reason: 'another server runs it, so nothing can be tried' });
    else return candidate;
    return undefined;
  }

  #conclude(name: string, { signature, padding }: Held, { kind, reason, runs }: RowsProof): Signature {
    if (kind === 'accepted') {
      this.#set(name, { isOn: true, reason: `seen in ${runs} runs: it does not change answers` });
      return { ...signature, padding };
    }
    const why = kind === 'rejected' ? reason : `runs do not prove that it is safe: ${reason}`;
    this.#set(name, { isOn: false, reason: why });
    return signature;
  }

  #set(name: string, state: PaddingState): void {
    this.states.set(name, state);
    this.#options.onState(name, state);
  }
}
