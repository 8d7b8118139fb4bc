/**
 * How one Pillion tells another that requests for its signatures may share runs: a JSON text in the answer of
 * GetModelMetadata.
 *
 *   {"serving_default": {"batch_axis": "dynamic", "reason": "proved from the graph and by 53 runs"}}
 *
 * `dynamic` means that rows along dim 0 of every tensor may be joined. Any other axis is `none`: the other server sends
 * such requests as they came, and this one still batches them as it knows how.
 */
import { ownAxes, type Signatures } from '../../core/signature.ts';

/** A server's report about one signature. */
export interface ReportedAxis {
  readonly kind: 'dynamic' | 'none';
  /** A clause for people; empty where none was given. */
  readonly reason: string;
}

/** Longest reason that is read, in characters. */
const MOST_REASON = 400;

export function batchAxesText(signatures: Signatures): string {
  const reported = [...signatures].map(([name, signature]) => {
    const { batchAxis } = signature;
    const isPlain = batchAxis.kind === 'dynamic' && ownAxes(signature) === undefined;
    return [name, { batch_axis: isPlain ? 'dynamic' : 'none', reason: batchAxis.reason ?? '' }] as const;
  });
  return JSON.stringify(Object.fromEntries(reported));
}

/** Reads the axes by signature. An entry that `batchAxesText` does not write is left out: it counts as not proved. */
export function readBatchAxesText(text: string): ReadonlyMap<string, ReportedAxis> {
  const axes = new Map<string, ReportedAxis>();
  for (const [name, reported] of Object.entries(parsed(text))) {
    if (typeof reported !== 'object' || reported === null) continue;
    const { batch_axis, reason } = reported as { readonly batch_axis?: unknown; readonly reason?: unknown };
    const kind = batch_axis === 'dynamic' ? 'dynamic' : 'none';
    axes.set(name, { kind, reason: typeof reason === 'string' ? reason.slice(0, MOST_REASON) : '' });
  }
  return axes;
}

function parsed(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
