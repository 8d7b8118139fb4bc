/**
 * Decides whether requests for one signature share runs as its candidate says:
 *
 *   kept from an earlier load? ──▶ the same again
 *   the graph: mixed, undecided ──▶ none
 *          │ rows, or there is no graph to read
 *          ▼
 *   the runs: accepted ──▶ the candidate         rejected, undecided ──▶ none         not ended ──▶ none for now
 */
import type { RowVerdict } from '../../backends/backend.ts';
import type { Signature } from '../../core/signature.ts';
import { type AxisOutcome, asFound, FIX, outcomeOf } from '../../models/loading/batch-axes.ts';
import type { RowsProof } from './proof-runs.ts';

/** Sources of the facts. Each is asked only when it matters. */
export interface BatchingFacts {
  /** The outcome of an earlier load of the same bytes. */
  readonly kept: () => Promise<AxisOutcome | undefined>;
  /** The verdict from the graph; undefined = the graph of this runtime cannot be read. */
  readonly judge: () => Promise<RowVerdict | undefined>;
  /** The runs' outcome; `running` = later. `isOnlyProof` as in ProofOptions. */
  readonly prove: (isOnlyProof: boolean) => Promise<RowsProof | 'running'>;
}

export interface BatchingDecision {
  /** The signature as it is served. */
  readonly signature: Signature;
  /** A finding to keep for later loads; undefined = nothing new was found out. */
  readonly found?: AxisOutcome | undefined;
  /** The runs have not ended: turns their outcome into the decision. Absent = this is final. */
  readonly afterRuns?: (proof: RowsProof) => BatchingDecision;
}

/** `loaded` is the signature as its backend gives it: its batch axis is a candidate. */
export async function decideBatching(loaded: Signature, facts: BatchingFacts): Promise<BatchingDecision> {
  const { batchAxis } = loaded;
  const kept = await facts.kept();
  if (kept !== undefined) return { signature: asFound(loaded, kept) };
  // Runs of one row mix nothing. Only the runs can tell whether their outputs can be cut.
  const isSingle = batchAxis.kind === 'fixed' && batchAxis.size === 1;
  const verdict = isSingle ? undefined : await facts.judge();
  if (verdict !== undefined && verdict.kind !== 'rows') return decided(loaded, outcomeOf(verdict));
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
