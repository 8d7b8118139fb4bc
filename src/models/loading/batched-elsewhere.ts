/** How requests share runs of a model that another server runs: nothing can be tried there. */
import { type BatchAxis, hasRows, type Signature } from '../../core/signature.ts';

const NOT_KNOWN: BatchAxis = {
  kind: 'none',
  reason: 'another server runs it, so nothing can be tried here',
  fix: 'if the rows are independent, declare the batch axis in pillion.yaml',
};

/** Rows are joined where the owner declares it, or the backend has a reason. `loaded` is the backend's signature. */
export function batchedElsewhere(loaded: Signature, declared: Signature | undefined): Signature {
  if (declared !== undefined) {
    return { ...declared, hasRows: declared.hasRows ?? (hasRows(declared) || hasRows(loaded)) };
  }
  const { batchAxis } = loaded;
  const isKnown = batchAxis.kind === 'none' || batchAxis.reason !== undefined;
  return isKnown ? loaded : { ...loaded, batchAxis: NOT_KNOWN, hasRows: true };
}
