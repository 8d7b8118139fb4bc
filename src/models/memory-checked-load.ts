/**
 * A loader that looks at memory before and after: refuses what does not fit, and measures what was taken. Loads may
 * overlap; each counts what the others were promised.
 */
import type { FreeMemory } from '../config/free-memory.ts';
import type { ModelConfig } from '../config/model-config.ts';
import type { LoadServable } from './model-manager.ts';
import { artifactBytes, bytesToLoad, checkFits } from './model-memory.ts';
import type { ProcessNeed } from './process-memory.ts';
import type { Servable } from './servable.ts';

export interface MemoryCheckedLoadOptions {
  /** What a version is going to have; what it rejects with, the load rejects with. */
  readonly planOf: (model: ModelConfig, versionDirectory: string) => Promise<LoadPlan>;
  readonly readFree: () => FreeMemory | undefined;
  /** Of the process, in bytes. */
  readonly readResident: () => number;
  readonly onLoaded: (servable: Servable) => void;
}

export interface LoadPlan {
  /** That it may have. */
  readonly sessions: number;
  /** Undefined = it starts none. */
  readonly process: ProcessNeed | undefined;
}

/** `load`, refused with `insufficient_memory` where the version does not fit; its servable then has `memory`. */
export function memoryCheckedLoad(load: LoadServable, options: MemoryCheckedLoadOptions): LoadServable {
  const promisedGroups = new Set<ProcessNeed['group']>();
  let promisedBytes = 0;
  let underWay = 0;
  let begun = 0;
  return async (model, version, directory, ...rest) => {
    const weights = await artifactBytes(directory);
    const { sessions, process } = await options.planOf(model, directory);
    // No await from here to the promise: two loads must not both be told that the same bytes are free.
    const processBytes = bytesOfNew(process, sessions, promisedGroups);
    const need = { model: model.name, version, artifactBytes: weights, sessions, processBytes, promisedBytes };
    checkFits(need, options.readFree());
    const promised = bytesToLoad(weights, sessions, processBytes);
    const group = processBytes > 0 ? process?.group : undefined;
    if (group !== undefined) promisedGroups.add(group);
    const wasAlone = underWay === 0;
    const mine = ++begun;
    promisedBytes += promised;
    underWay += 1;
    try {
      const before = options.readResident();
      const servable = await load(model, version, directory, ...rest);
      const outside = servable.host?.residentBytes ?? 0;
      const grown = Math.max(0, options.readResident() - before) + outside;
      // What a shared process grew by is not known: its pulses come later.
      const isMeasured = wasAlone && begun === mine && process?.group === undefined;
      servable.memory = {
        artifactBytes: weights,
        sessions: servable.runner.sessions,
        processBytes: process?.bytes ?? 0,
        residentBytes: isMeasured ? grown : undefined,
      };
      options.onLoaded(servable);
      return servable;
    } finally {
      if (group !== undefined) promisedGroups.delete(group);
      promisedBytes -= promised;
      underWay -= 1;
    }
  };
}

/** One for each session; a group's one, unless it is there or another load starts it. */
function bytesOfNew(
  need: ProcessNeed | undefined,
  sessions: number,
  promisedGroups: ReadonlySet<ProcessNeed['group']>,
): number {
  if (need === undefined) return 0;
  const { bytes, group } = need;
  if (group === undefined) return bytes * sessions;
  return group.takesMore || promisedGroups.has(group) ? 0 : bytes;
}
