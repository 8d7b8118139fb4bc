/** How a request and an answer name a model, and a request its sequence, on every surface. */

export interface ModelSpec {
  readonly name: string;
  /** The version; at most one of version and label is set. */
  readonly version?: bigint | undefined;
  readonly label?: string | undefined;
  /** Empty or absent = 'serving_default'. */
  readonly signatureName?: string | undefined;
}

/** The version and signature that answered. A label is never echoed. */
export interface ResolvedModelSpec {
  readonly name: string;
  readonly version: bigint;
  readonly signatureName: string;
}

/**
 * The step of a sequence that a request is, in the words of the Open Inference Protocol's sequence parameters. The model
 * keeps a state from one step to the next, such as that of an audio stream: src/features/sequences/README.md.
 */
export interface SequenceStep {
  /** A text and a number that print alike are one id: `7n` and `'7'`. */
  readonly id: string | bigint;
  /** The first step: the state begins anew. */
  readonly start: boolean;
  /** The last step: the state is given up after it. */
  readonly end: boolean;
}

/** The longest id of a sequence, in characters. */
export const MAX_SEQUENCE_ID_LENGTH = 128;
