/**
 * Decides how requests for each signature of a version share runs:
 *
 *   declared by the owner ──▶ obeyed
 *   decided by its backend, or no candidate ──▶ as it is
 *   another server runs it ──▶ as that one says, also later
 *   steps of features ──▶ what they have proved
 *   the graph: rows ──▶ the candidate         mixed, undecided, cannot be read ──▶ none
 */
import type { RowVerdict } from '../../backends/backend.ts';
import { judgeRows, readLengths } from '../../backends/backends.ts';
import { type BatchAxis, hasRows, type Signature, type Signatures } from '../../core/signature.ts';
import { withoutAxis } from '../model-file/declare-batching.ts';
import { SLOW_RUN_MS } from '../warm-up/slow-run.ts';
import { declaredPaddings, withDeclaredBatching } from './declared-batching.ts';
import type { LoadServableOptions } from './load-options.ts';
import { runStage, type VersionDraft } from './load-steps.ts';
import type { OpenedVersion, VersionTarget } from './version-target.ts';

/** The finding about a candidate. `mixed`: rows reach each other. `unknown`: nobody can tell. */
export interface AxisOutcome {
  readonly kind: 'rows' | 'mixed' | 'unknown';
  /** A clause for people. */
  readonly reason: string;
  /** A clause that says how to help; absent = nothing need be done. */
  readonly fix?: string;
}

/** The fix if a proof has not helped. */
export const FIX = 'if the rows are independent, declare the batch axis in pillion.yaml';
const NO_CANDIDATE = 'dim 0 of its inputs and outputs is not declared as free, or as one number';
const UNTRIED: AxisOutcome = {
  kind: 'unknown',
  reason: 'another server runs it, so nothing can be tried here',
  fix: FIX,
};
const NO_PADDING = 'pad_variable_length_inputs needs the feature row-proofs, which this server is without';

/** The version as it was opened; throws `load_failed` if what its owner declares does not fit it. */
export function draftOf(options: LoadServableOptions, target: VersionTarget, opened: OpenedVersion): VersionDraft {
  const { model, modelFile, version, versionDirectory, batching } = target;
  const { host, signatures, backend } = opened;
  const declared = withDeclaredBatching(model, modelFile, signatures);
  const paddings = declaredPaddings(model, modelFile, signatures);
  const isOn = batching.isBatchingEnabled;
  const { oneRowMs = 0 } = host.measured ?? {};
  return {
    ...target,
    opened,
    signatures: isOn ? signatures : withoutBatching(declared),
    declared: new Map(isOn ? [...declared].filter(([name, signature]) => signature !== signatures.get(name)) : []),
    paddings: batching.isPadding ? paddings : undefined,
    slowRunMs: oneRowMs < SLOW_RUN_MS ? 0 : oneRowMs,
    firstRunMs: Promise.resolve(0),
    judge: (signature, axes) => judgeRows(backend, versionDirectory, axes, signature),
    readLengths: (signature) => readLengths(backend, versionDirectory, signature),
    onDecided: (signature, axis) => options.events.onBatchAxis?.(model.name, version, signature, axis),
    views: new Map(),
    onServed: [],
    onEnd: [],
  };
}

/** Gives each signature of the draft a batch axis that is decided. */
export async function decideAxes(options: LoadServableOptions, draft: VersionDraft): Promise<void> {
  const { opened, declared, judge, onDecided } = draft;
  const isElsewhere = opened.host.executor.isElsewhere === true;
  draft.signatures = mapped(draft.signatures, (name, loaded) => {
    const signature = settled(loaded, declared.get(name), isElsewhere);
    if (isDecided(signature)) onDecided(name, signature.batchAxis);
    return signature;
  });
  if (draft.batching.isBatchingEnabled) followElsewhere(draft);
  const { loadSteps = [] } = options;
  await runStage(loadSteps, 'axes', draft);
  if (draft.paddings !== undefined && loadSteps.every(({ stage }) => stage !== 'axes'))
    options.events.onWarning?.(draft.model.name, draft.version, NO_PADDING);
  const decided = new Map(draft.signatures);
  for (const [name, signature] of draft.signatures) {
    if (isDecided(signature)) continue;
    const found = asFound(signature, outcomeOf(await judge(name)));
    decided.set(name, found);
    onDecided(name, found.batchAxis);
  }
  draft.signatures = decided;
}

/** False for a candidate that nobody has judged yet. */
export function isDecided({ batchAxis }: Signature): boolean {
  return batchAxis.kind === 'none' || batchAxis.reason !== undefined;
}

/** The finding of the graph; undefined = the graph of this runtime cannot be read. */
export function outcomeOf(verdict: RowVerdict | undefined): AxisOutcome {
  if (verdict?.kind === 'mixed') return { kind: 'mixed', reason: verdict.reason };
  if (verdict?.kind === 'rows') return { kind: 'rows', reason: 'proved from the graph' };
  const why = verdict === undefined ? 'it cannot be read' : verdict.reason;
  return { kind: 'unknown', reason: `the graph does not prove it: ${why}`, fix: FIX };
}

/** The signature with its candidate accepted or refused. */
export function asFound(loaded: Signature, { kind, reason, fix }: AxisOutcome): Signature {
  const none: BatchAxis = { kind: 'none', reason, ...(fix !== undefined && { fix }) };
  const batchAxis: BatchAxis = kind === 'rows' ? { ...loaded.batchAxis, reason } : none;
  return { ...loaded, batchAxis, hasRows: kind !== 'mixed' };
}

/** `loaded`: as its backend gives it; its batch axis is a candidate, unless it has a reason. */
function settled(loaded: Signature, declared: Signature | undefined, isElsewhere: boolean): Signature {
  if (declared !== undefined) {
    return { ...declared, hasRows: declared.hasRows ?? (hasRows(declared) || hasRows(loaded)) };
  }
  if (isElsewhere) return isDecided(loaded) ? loaded : asFound(loaded, UNTRIED);
  const { kind, reason = NO_CANDIDATE } = loaded.batchAxis;
  return kind === 'none' ? { ...loaded, batchAxis: { ...loaded.batchAxis, reason } } : loaded;
}

/** Follows the other server's word about all signatures but those that the owner declares. */
function followElsewhere({ opened, signatures, declared, onDecided, onServed, onEnd }: VersionDraft): void {
  const followed = new Set([...signatures.keys()].filter((name) => !declared.has(name)));
  if (followed.size === 0) return;
  let isEnded = false;
  onEnd.push(() => {
    isEnded = true;
  });
  onServed.push((_, replace) => {
    opened.host.watchSignatures?.(followed, (told) => {
      if (isEnded) return;
      const changed = [...told].filter(([name]) => followed.has(name));
      const served = changed.map(([name, signature]) => [name, settled(signature, undefined, true)] as const);
      for (const [name, { batchAxis }] of served) onDecided(name, batchAxis);
      void replace(new Map(served));
    });
  });
}

/** A fixed batch stays: the model runs no other size. */
function withoutBatching(signatures: Signatures): Signatures {
  const why = 'batching is off on this server';
  return mapped(signatures, (_, signature) =>
    signature.batchAxis.kind === 'dynamic' ? withoutAxis(signature, why) : signature,
  );
}

function mapped(signatures: Signatures, change: (name: string, signature: Signature) => Signature): Signatures {
  return new Map([...signatures].map(([name, signature]) => [name, change(name, signature)]));
}
