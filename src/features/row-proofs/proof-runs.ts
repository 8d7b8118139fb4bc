/**
 * The runs of one proof (prove-rows.ts, prove-padding.ts): of rows as they are, counted, with what the model said of rows
 * that it refused.
 */
import type { Signature } from '../../core/signature.ts';
import { byteLengthOfAll, type TensorMap } from '../../core/tensor.ts';
import { MAX_TRIAL_BYTES } from '../../core/trial-inputs.ts';
import { type Random, randomOf } from '../../models/warm-up/random-rows.ts';
import { findFrames, type ProbeFrame } from './probe-frames.ts';
import { ProbeLayout, type ProbeRow } from './probe-layout.ts';

/** The outcome, with a clause that says why. */
export interface RowsProof {
  readonly kind: 'accepted' | 'rejected' | 'undecided';
  readonly reason: string;
  readonly runs: number;
}

export interface ProofRunsOptions {
  readonly signature: Signature;
  /**
   * Runs the model and resolves with all outputs. Rejects with ProofStopped or ProofEnded if no further run may follow,
   * and with any other error if the model refuses the inputs.
   */
  readonly run: (inputs: TensorMap, rows: number) => Promise<TensorMap>;
  /** The seed of the random rows. */
  readonly seed: number;
}

/** No further run may follow: the outcome is `undecided`, with the message as its reason. */
export class ProofStopped extends Error {}

/** The version is unloaded: there is no outcome. */
export class ProofEnded extends Error {}

export class ProofRuns {
  readonly layout: ProbeLayout;
  readonly random: Random;
  /** Outputs that were not the same for all inputs. */
  readonly varied = new Set<string>();
  /** The model's words about the last row that it refused; '' = it refused none. */
  refusal = '';
  readonly #options: ProofRunsOptions;
  #count = 0;

  constructor(options: ProofRunsOptions) {
    this.#options = options;
    this.layout = new ProbeLayout(options.signature);
    this.random = randomOf(options.seed);
  }

  get count(): number {
    return this.#count;
  }

  /** Why there are no inputs for a proof. */
  whyNoFrame(): string {
    if (this.#count === 0) return `one row has inputs of more than ${MAX_TRIAL_BYTES / 2 ** 20} MiB`;
    return `the model refused all inputs that were tried: ${this.refusal}`;
  }

  end(kind: RowsProof['kind'], reason: string): RowsProof {
    return { kind, reason, runs: this.#count };
  }

  /** The outcome of `prove`; `undecided` if it rejects. Rejects only with ProofEnded. */
  async outcomeOf(prove: () => Promise<RowsProof>): Promise<RowsProof> {
    try {
      return await prove();
    } catch (error) {
      if (error instanceof ProofEnded) throw error;
      return this.end('undecided', refusalText(error));
    }
  }

  /** Runs the rows at once. The last one is repeated if every run has the same number of rows. */
  run(rows: readonly ProbeRow[]): Promise<TensorMap> {
    this.#count += 1;
    const count = this.layout.fixedRows ?? rows.length;
    const all = Array.from({ length: count }, (_, i) => rows[Math.min(i, rows.length - 1)]!);
    return this.#options.run(this.layout.join(all), count);
  }

  /** Resolves with undefined if the model refuses the row. */
  alone(row: ProbeRow): Promise<TensorMap | undefined> {
    return this.run([row]).catch((error: unknown) => {
      this.refusal = refusalText(error);
      return rethrowStop(error);
    });
  }

  /** Shapes and values that the model takes, those of a recorded row first. `ranges` as for findFrames. */
  frames(recorded: ProbeRow | undefined, ranges?: readonly number[]): Promise<readonly ProbeFrame[]> {
    const bytesOf = async ({ shapes, integersBelow }: ProbeFrame): Promise<number | undefined> => {
      const [row] = await this.layout.randomRows(1, shapes, { floats: 'signed', integersBelow }, this.random);
      const outputs = await this.alone(row!);
      return outputs && byteLengthOfAll(outputs);
    };
    return findFrames(this.layout, recorded, this.random, bytesOf, ranges);
  }
}

/** The first line of what a model says of inputs that it refuses. */
export function refusalText(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]!;
}

/** Handles the error of a run, in a `catch`: a refusal is no outcome, so it becomes undefined. */
export function rethrowStop(error: unknown): undefined {
  if (error instanceof ProofStopped || error instanceof ProofEnded) throw error;
  return undefined;
}
