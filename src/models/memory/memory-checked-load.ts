/**
 * A loader that looks at memory before and after: refuses what does not fit, and measures what was taken. Loads may
 * overlap; each counts what the others were promised.
 */
import type { FreeMemory } from '../../config/machine/free-memory.ts';
import type { ModelConfig } from '../../config/model-config.ts';
import type { CheckMemory } from '../lifecycle/lifecycle-settings.ts';
import type { LoadServable } from '../loading/version-loader.ts';
import type { Servable } from '../serving/servable.ts';
import { artifactBytes, bytesToLoad, checkFits } from './model-memory.ts';
import type { ProcessNeed } from './process-memory.ts';

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

export interface MemoryCheckedLoad {
  /** Rejects with `insufficient_memory` where the version does not fit; its servable then has `memory`. */
  readonly load: LoadServable;
  /** Rejects alike, and loads nothing. */
  readonly check: CheckMemory;
}

export function memoryCheckedLoad(load: LoadServable, options: MemoryCheckedLoadOptions): MemoryCheckedLoad {
  const book = new MemoryBook(options);
  let underWay = 0;
  let begun = 0;
  const checkedLoad: LoadServable = async (model, version, directory, ...rest) => {
    const need = await book.needOf(model, directory);
    const forget = book.promise(model.name, version, need);
    const wasAlone = underWay === 0;
    const mine = ++begun;
    underWay += 1;
    try {
      const before = options.readResident();
      const servable = await load(model, version, directory, ...rest);
      const outside = servable.host?.residentBytes ?? 0;
      const grown = Math.max(0, options.readResident() - before) + outside;
      // What a shared process grew by is not known: its pulses come later.
      const isMeasured = wasAlone && begun === mine && need.process?.group === undefined;
      servable.memory = {
        artifactBytes: need.weights,
        sessions: servable.runner.sessions,
        processBytes: need.process?.bytes ?? 0,
        residentBytes: isMeasured ? grown : undefined,
      };
      options.onLoaded(servable);
      return servable;
    } finally {
      forget();
      underWay -= 1;
    }
  };
  const check: CheckMemory = async (model, version, directory) => {
    book.check(model.name, version, await book.needOf(model, directory));
  };
  return { load: checkedLoad, check };
}

interface MemoryNeed extends LoadPlan {
  /** Bytes of its files. */
  readonly weights: number;
}

/** What loads that are under way were promised. */
class MemoryBook {
  readonly #options: MemoryCheckedLoadOptions;
  readonly #groups = new Set<ProcessNeed['group']>();
  #bytes = 0;

  constructor(options: MemoryCheckedLoadOptions) {
    this.#options = options;
  }

  async needOf(model: ModelConfig, directory: string): Promise<MemoryNeed> {
    return { weights: await artifactBytes(directory), ...(await this.#options.planOf(model, directory)) };
  }

  /** Throws `insufficient_memory`. Returns what the processes that it starts take, in bytes. */
  check(model: string, version: bigint, { weights, sessions, process }: MemoryNeed): number {
    const processBytes = bytesOfNew(process, sessions, this.#groups);
    const need = { model, version, artifactBytes: weights, sessions, processBytes, promisedBytes: this.#bytes };
    checkFits(need, this.#options.readFree());
    return processBytes;
  }

  /**
   * Checks, and keeps the bytes until the returned function is called. Nothing is awaited between: two loads must not both
   * be told that the same bytes are free.
   */
  promise(model: string, version: bigint, need: MemoryNeed): () => void {
    const processBytes = this.check(model, version, need);
    const bytes = bytesToLoad(need.weights, need.sessions, processBytes);
    const group = processBytes > 0 ? need.process?.group : undefined;
    if (group !== undefined) this.#groups.add(group);
    this.#bytes += bytes;
    return () => {
      if (group !== undefined) this.#groups.delete(group);
      this.#bytes -= bytes;
    };
  }
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
