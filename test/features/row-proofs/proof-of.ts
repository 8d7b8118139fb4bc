import type { RowsProof } from '../../../src/features/row-proofs/proof-runs.ts';
import { type ProofOptions, proveRows } from '../../../src/features/row-proofs/prove-rows.ts';
import { type Rows, rowRun, signatureOf } from '../../support/row-models.ts';

/** The proof of a model of rows, as the only proof. */
export function proofOf(model: (x: Rows) => Rows, changes: Partial<ProofOptions> = {}): Promise<RowsProof> {
  const options = { signature: signatureOf(), run: rowRun(model), maxRows: () => 64, isOnlyProof: true };
  return proveRows({ ...options, ...changes });
}
