/**
 * Profiles the ops of models, one after another: the busiest ones of the profile or, if none ran, the first loaded
 * ones. A model that would not fit into memory a second time is left out.
 */
import type { OpProfile } from '../../backends/op-profile.ts';
import type { FreeMemory } from '../../config/machine/free-memory.ts';
import { toServingError } from '../../core/errors.ts';
import { bytesToLoad, showBytes, workingBytes } from '../../models/memory/model-memory.ts';
import { PROFILE_OPS } from '../../models/serving/load-findings.ts';
import type { Servable } from '../../models/serving/servable.ts';
import type { CapturedBatch } from './record-capture.ts';

export interface ReplicaResult {
  readonly model: string;
  readonly version: string;
  /** Undefined if there is none; then `note` says why. */
  readonly profile: OpProfile | undefined;
  readonly note: string | undefined;
}

/** The size and signature of most batches of a version, and their number. */
interface TypicalBatch {
  readonly rows: number;
  readonly signatureName: string | undefined;
  readonly batches: number;
}

const MAX_REPLICAS = 3;

/** Never rejects: a version that cannot be profiled has a note. Begins no further one once `signal` is aborted. */
export async function profileReplicas(
  servables: readonly Servable[],
  batches: readonly CapturedBatch[],
  readFree: () => FreeMemory | undefined,
  signal: AbortSignal,
): Promise<readonly ReplicaResult[]> {
  const ranked = servables
    .map((servable) => ({ servable, seen: seenOf(servable, batches) }))
    .sort((a, b) => b.seen.batches - a.seen.batches);
  const busy = ranked.filter(({ seen }) => seen.batches > 0);
  const results: ReplicaResult[] = [];
  for (const { servable, seen } of (busy.length > 0 ? busy : ranked).slice(0, MAX_REPLICAS)) {
    if (signal.aborted) break;
    results.push(await profileOne(servable, seen, readFree()));
  }
  return results;
}

async function profileOne(
  servable: Servable,
  seen: TypicalBatch,
  free: FreeMemory | undefined,
): Promise<ReplicaResult> {
  const of = { model: servable.name, version: servable.version.toString() };
  const without = (note: string): ReplicaResult => ({ ...of, profile: undefined, note });
  const needed = bytesNeeded(servable);
  if (free !== undefined && needed > free.freeBytes) {
    return without(`a second session may take ${showBytes(needed)}, and ${showBytes(free.freeBytes)} are free`);
  }
  const profileOps = servable.facts.get(PROFILE_OPS);
  if (profileOps === undefined) return without('its runtime has no profiler of its ops');
  try {
    return { ...of, profile: await profileOps(seen.rows, seen.signatureName), note: undefined };
  } catch (error) {
    return without(toServingError(error).message);
  }
}

function bytesNeeded({ findings: { memory } }: Servable): number {
  if (memory === undefined) return 0;
  const { artifactBytes, sessions, processBytes = 0 } = memory;
  // The measured memory of a process includes Node and the runtime.
  const working = workingBytes(memory);
  return bytesToLoad(artifactBytes, 1, working === undefined ? processBytes : 0) + (working ?? 0) / sessions;
}

function seenOf({ name, version }: Servable, batches: readonly CapturedBatch[]): TypicalBatch {
  const own = batches.filter((batch) => batch.model === name && batch.version === version.toString());
  const counts = new Map<string, { readonly batch: CapturedBatch; count: number }>();
  for (const batch of own) {
    const key = `${batch.size} ${batch.signatureName}`;
    const found = counts.get(key);
    if (found === undefined) counts.set(key, { batch, count: 1 });
    else found.count += 1;
  }
  const [most] = [...counts.values()].sort((a, b) => b.count - a.count);
  return { rows: most?.batch.size ?? 1, signatureName: most?.batch.signatureName, batches: own.length };
}
