import type { Signature } from './signature.ts';

/** The answer of GetModelMetadata, before a surface writes it in its own form. */
export interface ModelMetadata {
  readonly name: string;
  readonly version: bigint;
  readonly signatures: ReadonlyMap<string, Signature>;
  /** What of the model is not served, or otherwise than its file has it; absent = nothing. */
  readonly notes?: readonly string[];
  /** Whether the answer says how requests share runs, which only another Pillion asks for. */
  readonly tellsBatchAxes?: boolean;
}
