import { DEFAULT_SIGNATURE_NAME, type Signature, type Signatures } from '../../../core/signature.ts';

/** The graph's signature that a Triton client means: it knows no others. */
export function mainSignature(graphs: Signatures): readonly [name: string, signature: Signature] | undefined {
  const main = graphs.get(DEFAULT_SIGNATURE_NAME);
  return main === undefined ? [...graphs][0] : [DEFAULT_SIGNATURE_NAME, main];
}
