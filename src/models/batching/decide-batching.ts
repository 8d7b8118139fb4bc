/**
 * Decides how requests of one signature may share runs:
 *
 *   declared? ──▶ obeyed
 *   decided by its backend, or no candidate ──▶ as it is
 *   kept from an earlier load? ──▶ the same again
 *   the graph: mixed, undecided ──▶ none
 *          │ rows, or there is no graph to read
 *          ▼
 *   the runs: accepted ──▶ the candidate         rejected, undecided ──▶ none         not ended ──▶ none for now
 */
import type { RowVerdict } from '../../backends/backend.ts';
import { type BatchAxis, hasRows, type Signature } from '../../core/signature.ts';
import type { RowsProof } from './proof-runs.ts';

/** Sources of the facts. Each is asked only when it matters. */
export interface BatchingFacts {
  /** The signature with the batch axis that the owner of the model declares; undefined = nothing is declared. */
  readonly declared: Signature | undefined;
  /** The outcome of an earlier load of the same bytes. */
  readonly kept: () => Promise<AxisOutcome | undefined>;
  /** The verdict from the graph; undefined = the graph of this runtime cannot be read. */
  readonly judge: () => Promise<RowVerdict | undefined>;
  /** The runs' outcome; `running` = later. `isOnlyProof` as in ProofOptions. */
  readonly prove: (isOnlyProof: boolean) => Promise<RowsProof | 'running'>;
}

/** The finding about a candidate. `mixed`: rows reach each other. `unknown`: nobody can tell. */
export interface AxisOutcome {
  readonly kind: 'rows' | 'mixed' | 'unknown';
  /** A clause for people. */
  readonly reason: string;
  /** A clause that says how to help; absent = nothing need be done. */
  readonly fix?: string;
}

export interface BatchingDecision {
  /** The signature as it is served. */
  readonly signature: Signature;
  /** A finding to keep for later loads; undefined = nothing new was found out. */
  readonly found?: AxisOutcome | undefined;
  /** The runs have not ended: turns their outcome into the decision. Absent = this is final. */
  readonly afterRuns?: (proof: RowsProof) => BatchingDecision;
}

/** The fix if a proof has not helped. */
const FIX = 'if the rows are independent, declare the batch axis in pillion.yaml';

/** `loaded` is the signature as its backend gives it: its batch axis is a candidate, unless it has a reason. */
export async function decideBatching(loaded: Signature, facts: BatchingFacts): Promise<BatchingDecision> {
  const { batchAxis } = loaded;
  const { declared } = facts;
  if (declared !== undefined) {
    return { signature: { ...declared, hasRows: declared.hasRows ?? (hasRows(declared) || hasRows(loaded)) } };
  }
  if (batchAxis.reason !== undefined) return { signature: loaded };
  if (batchAxis.kind === 'none') {
    const reason = 'dim 0 of its inputs and outputs is not declared as free, or as one number';
    return { signature: { ...loaded, batchAxis: { kind: 'none', reason } } };
  }
  const kept = await facts.kept();
  if (kept !== undefined) return { signature: asFound(loaded, kept) };
  // Runs of one row mix nothing. Only the runs can tell whether their outputs can be cut.
  const isSingle = batchAxis.kind === 'fixed' && batchAxis.size === 1;
  const verdict = isSingle ? undefined : await facts.judge();
  if (verdict?.kind === 'mixed') return decided(loaded, { kind: 'mixed', reason: verdict.reason });
  if (verdict?.kind === 'undecided') {
    return decided(loaded, { kind: 'unknown', reason: `the graph does not prove it: ${verdict.reason}`, fix: FIX });
  }
  const afterRuns = (proof: RowsProof): BatchingDecision => decided(loaded, byRuns(proof, verdict !== undefined));
  const proof = await facts.prove(verdict === undefined && !isSingle);
  if (proof !== 'running') return afterRuns(proof);
  return { signature: asFound(loaded, { kind: 'unknown', reason: 'the proof still runs' }), afterRuns };
}

function byRuns({ kind, reason, runs }: RowsProof, isGraphProved: boolean): AxisOutcome {
  if (kind === 'accepted') {
    // Runs alone prove nothing of values that none of them had.
    const reason = isGraphProved ? `proved from the graph and by ${runs} runs` : `seen in ${runs} runs`;
    return { kind: 'rows', reason };
  }
  if (kind === 'rejected') return { kind: 'mixed', reason };
  return { kind: 'unknown', reason: `runs do not prove it: ${reason}`, fix: FIX };
}

function decided(loaded: Signature, found: AxisOutcome): BatchingDecision {
  return { signature: asFound(loaded, found), found };
}

function asFound(loaded: Signature, { kind, reason, fix }: AxisOutcome): Signature {
  const none: BatchAxis = { kind: 'none', reason, ...(fix !== undefined && { fix }) };
  const batchAxis: BatchAxis = kind === 'rows' ? { ...loaded.batchAxis, reason } : none;
  return { ...loaded, batchAxis, hasRows: kind !== 'mixed' };
}
