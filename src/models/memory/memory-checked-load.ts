/**
 * A loader that checks before a load that the version fits into memory, and measures its memory afterwards. Loads may
 * overlap; the check takes the memory into account that is reserved for the others.
 */
import type { FreeMemory } from '../../config/machine/free-memory.ts';
import type { ModelConfig } from '../../config/model-config.ts';
import type { CheckMemory } from '../lifecycle/manager-settings.ts';
import type { LoadServable } from '../loading/version-loader.ts';
import type { Servable } from '../serving/servable.ts';
import { artifactBytes, bytesToLoad, checkFits } from './model-memory.ts';
import type { ProcessNeed } from './process-memory.ts';

interface MemoryCheckedLoadOptions {
  /** The sessions and processes that a version will have. If it rejects, the load rejects with the same error. */
  readonly planOf: (model: ModelConfig, versionDirectory: string) => Promise<LoadPlan>;
  readonly readFree: () => FreeMemory | undefined;
  /** The server's resident memory, in bytes; undefined = the system does not say. */
  readonly readResident: () => number | undefined;
  readonly onLoaded: (servable: Servable) => void;
}

interface LoadPlan {
  /** The sessions that the load opens. */
  readonly sessions: number;
  /** Undefined if it starts no process. */
  readonly process: ProcessNeed | undefined;
}

interface MemoryCheckedLoad {
  /** Rejects with `insufficient_memory` if the version does not fit. Sets `memory` of the servable. */
  readonly load: LoadServable;
  /** Makes the same check without a load. */
  readonly check: CheckMemory;
  /** The same for one more session of a loaded version; reserves its memory until the returned function is called. */
  readonly reserveSession: (model: ModelConfig, version: bigint, directory: string) => Promise<() => void>;
}

export function memoryCheckedLoad(load: LoadServable, options: MemoryCheckedLoadOptions): MemoryCheckedLoad {
  const reservations = new MemoryReservations(options);
  let inProgress = 0;
  let begun = 0;
  const checkedLoad: LoadServable = async (model, version, directory, signal) => {
    const need = await reservations.needOf(model, directory);
    const release = reservations.reserve(model.name, version, need);
    const wasAlone = inProgress === 0;
    const mine = ++begun;
    inProgress += 1;
    try {
      const before = options.readResident();
      const servable = await load(model, version, directory, signal);
      const outside = servable.findings.host?.residentBytes ?? 0;
      const after = options.readResident();
      const grown = after === undefined || before === undefined ? undefined : Math.max(0, after - before) + outside;
      // The growth of a shared process is not known yet: its next heartbeat reports it.
      const isMeasured = wasAlone && begun === mine && need.process?.group === undefined;
      servable.findings.memory = {
        artifactBytes: need.weights,
        sessions: servable.sessions,
        processBytes: need.process?.bytes ?? 0,
        residentBytes: isMeasured ? grown : undefined,
      };
      options.onLoaded(servable);
      return servable;
    } finally {
      release();
      inProgress -= 1;
    }
  };
  const check: CheckMemory = async (model, version, directory) => {
    reservations.check(model.name, version, await reservations.needOf(model, directory));
  };
  const reserveSession: MemoryCheckedLoad['reserveSession'] = async (model, version, directory) =>
    reservations.reserve(model.name, version, { ...(await reservations.needOf(model, directory)), sessions: 1 });
  return { load: checkedLoad, check, reserveSession };
}

interface MemoryNeed extends LoadPlan {
  /** The size of the version's files, in bytes. */
  readonly weights: number;
}

/** The memory that is reserved for loads in progress. */
class MemoryReservations {
  readonly #options: MemoryCheckedLoadOptions;
  readonly #groups = new Set<ProcessNeed['group']>();
  #bytes = 0;

  constructor(options: MemoryCheckedLoadOptions) {
    this.#options = options;
  }

  async needOf(model: ModelConfig, directory: string): Promise<MemoryNeed> {
    return { weights: await artifactBytes(directory), ...(await this.#options.planOf(model, directory)) };
  }

  /** Throws `insufficient_memory`. Returns the bytes of the processes that the load starts. */
  check(model: string, version: bigint, { weights, sessions, process }: MemoryNeed): number {
    const processBytes = bytesOfNew(process, sessions, this.#groups);
    const need = { model, version, artifactBytes: weights, sessions, processBytes, reservedBytes: this.#bytes };
    checkFits(need, this.#options.readFree());
    return processBytes;
  }

  /**
   * Checks, and reserves the bytes until the returned function is called. Synchronous, so that two loads cannot get the
   * same free bytes.
   */
  reserve(model: string, version: bigint, need: MemoryNeed): () => void {
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

/** One process for each session, or a group's one process unless it exists or another load starts it. */
function bytesOfNew(
  need: ProcessNeed | undefined,
  sessions: number,
  reservedGroups: ReadonlySet<ProcessNeed['group']>,
): number {
  if (need === undefined) return 0;
  const { bytes, group } = need;
  if (group === undefined) return bytes * sessions;
  return group.takesMore || reservedGroups.has(group) ? 0 : bytes;
}
