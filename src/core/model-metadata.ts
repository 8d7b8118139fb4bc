import type { ToldColumns } from './columns/told-columns.ts';
import type { Signature } from './signature.ts';

/** The answer of GetModelMetadata, before a surface writes it in its own form. */
export interface ModelMetadata {
  readonly name: string;
  readonly version: bigint;
  readonly signatures: ReadonlyMap<string, Signature>;
  /** The parts of the model that are not served, or otherwise than its file has them; absent = none. */
  readonly notes?: readonly string[];
  /** The columns of inputs, where they are asked for. Absent = there are none. */
  readonly columns?: ToldColumns | undefined;
  /** The answer says how requests share runs, which only another Pillion asks for. */
  readonly tellsBatchAxes?: boolean;
}
