/**
 * A loader that looks at memory before and after: refuses what does not fit, and measures what was taken. Loads may
 * overlap; each counts what the others were promised.
 */
import type { FreeMemory } from '../config/free-memory.ts';
import type { ModelConfig } from '../config/model-config.ts';
import type { CheckMemory } from './life-settings.ts';
import type { LoadServable } from './model-manager.ts';
import { artifactBytes, bytesToLoad, checkFits } from './model-memory.ts';
import type { Servable } from './servable.ts';

export interface MemoryCheckedLoadOptions {
  /** Sessions that a version may have; what it rejects with, the load rejects with. */
  readonly sessionsOf: (model: ModelConfig, versionDirectory: string) => Promise<number>;
  readonly readFree: () => FreeMemory | undefined;
  /** Of the process, in bytes. */
  readonly readResident: () => number;
  readonly onLoaded: (servable: Servable) => void;
}

export interface MemoryCheckedLoad {
  /** Rejects with `insufficient_memory` where the version does not fit; its servable then has `memory`. */
  readonly load: LoadServable;
  /** Rejects alike, and loads nothing. */
  readonly check: CheckMemory;
}

export function memoryCheckedLoad(load: LoadServable, options: MemoryCheckedLoadOptions): MemoryCheckedLoad {
  let promisedBytes = 0;
  let underWay = 0;
  let begun = 0;
  const measure = async (model: ModelConfig, directory: string) => {
    return { weights: await artifactBytes(directory), sessions: await options.sessionsOf(model, directory) };
  };
  const checkFitsNow = (model: string, version: bigint, weights: number, sessions: number): void =>
    checkFits({ model, version, artifactBytes: weights, sessions, promisedBytes }, options.readFree());
  const checkedLoad: LoadServable = async (model, version, directory, ...rest) => {
    const { weights, sessions } = await measure(model, directory);
    // No await from here to the promise: two loads must not both be told that the same bytes are free.
    checkFitsNow(model.name, version, weights, sessions);
    const promised = bytesToLoad(weights, sessions);
    const wasAlone = underWay === 0;
    const mine = ++begun;
    promisedBytes += promised;
    underWay += 1;
    try {
      const before = options.readResident();
      const servable = await load(model, version, directory, ...rest);
      const outside = servable.host?.residentBytes ?? 0;
      const grown = Math.max(0, options.readResident() - before) + outside;
      const isMeasured = wasAlone && begun === mine;
      servable.memory = {
        artifactBytes: weights,
        sessions: servable.runner.sessions,
        residentBytes: isMeasured ? grown : undefined,
      };
      options.onLoaded(servable);
      return servable;
    } finally {
      promisedBytes -= promised;
      underWay -= 1;
    }
  };
  const check: CheckMemory = async (model, version, directory) => {
    const { weights, sessions } = await measure(model, directory);
    checkFitsNow(model.name, version, weights, sessions);
  };
  return { load: checkedLoad, check };
}
