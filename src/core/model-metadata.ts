import type { Signature } from './signature.ts';

/** What GetModelMetadata tells of one version, before a surface writes it in its own form. */
export interface ModelMetadata {
  readonly name: string;
  readonly version: bigint;
  readonly signatures: ReadonlyMap<string, Signature>;
}
