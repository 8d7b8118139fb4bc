/**
 * Looks at one model's base path again and again, and says which versions should be up. A version that somebody still
 * writes is not among them: a new one counts once its files are *at rest*, which is
 *
 *     nothing in it changed for AT_REST_MS when it was first seen,     or
 *     its fingerprint is the same on two looks in a row
 *
 * and it holds a file. What was at rest once is not looked into again, unless its load failed: then its files may be mended
 * in place. The policy counts only versions at rest, so that `latest` keeps the version before while a new one is copied.
 */
import type { VersionPolicy } from '../../config/model-config.ts';
import type { Clock } from '../../core/clock.ts';
import { aspiredVersions, descending } from './version-policy.ts';
import { showSome, type VersionFiles } from './version-source.ts';

/** Far above what separates two writes of a copy, far below the age of a model that was there before we started. */
const AT_REST_MS = 3000;

/** A version at rest. */
export interface FoundVersion {
  readonly version: bigint;
  readonly directory: string;
  readonly fingerprint: string;
}

export interface Look {
  /**
   * What should be up, highest first. Undefined: there are versions, and none is at rest yet, so that nobody can say;
   * what was aspired before stays so.
   */
  readonly aspired: readonly FoundVersion[] | undefined;
  /** Those of `isBroughtIn` that are at rest and that the policy does not want. */
  readonly broughtIn: readonly FoundVersion[];
  /** All that are there, highest first, whatever becomes of them. */
  readonly found: readonly bigint[];
  /** Something is new or still being written: look again soon. */
  readonly isChanging: boolean;
  /** Why nothing is aspired; undefined if something is. */
  readonly nothingBecause: string | undefined;
}

export interface LookAt {
  /** Absolute. */
  readonly basePath: string;
  readonly policy: VersionPolicy;
  /** Its last load failed: see whether its files are others now. */
  readonly hasFailed: (version: bigint) => boolean;
  /** Wanted although the policy does not want it. */
  readonly isBroughtIn: (version: bigint) => boolean;
}

type Rest = 'at rest' | 'changing' | 'empty';

export class VersionWatch {
  readonly #files: VersionFiles;
  readonly #clock: Clock;
  readonly #atRest = new Map<bigint, FoundVersion>();
  /** Fingerprints of those not at rest, as of the last time they were looked into. */
  readonly #seen = new Map<bigint, string>();

  constructor(files: VersionFiles, clock: Clock) {
    this.#files = files;
    this.#clock = clock;
  }

  /** One at a time. Rejects with `load_failed` when the base path cannot be read; what was known stays known. */
  async look(at: LookAt): Promise<Look> {
    const found = await this.#files.find(at.basePath);
    for (const known of [this.#atRest, this.#seen]) {
      for (const version of known.keys()) if (!found.has(version)) known.delete(version);
    }
    const rests = new Map<bigint, Rest>();
    const wanted = await this.#wanted(at, found, rests);
    const beside = [...found.keys()].filter((version) => at.isBroughtIn(version) && !wanted.includes(version));
    const besideRests = new Map<bigint, Rest>();
    for (const version of beside) {
      besideRests.set(version, await this.#restOf(version, found.get(version)!, at.hasFailed(version)));
    }
    const isChanging = [...rests.values(), ...besideRests.values()].includes('changing');
    return {
      ...this.#result(at.basePath, [...found.keys()], wanted, rests),
      broughtIn: beside.filter((v) => besideRests.get(v) === 'at rest').map((version) => this.#atRest.get(version)!),
      found: descending(found.keys()),
      isChanging,
    };
  }

  /** What the policy asks for of those at rest; fills `rests` with how those are that it asked about. */
  async #wanted(at: LookAt, found: ReadonlyMap<bigint, string>, rests: Map<bigint, Rest>): Promise<readonly bigint[]> {
    for (;;) {
      const counted = [...found.keys()].filter((version) => (rests.get(version) ?? 'at rest') === 'at rest');
      const wanted = aspiredVersions(at.policy, counted);
      const unknown = wanted.filter((version) => !rests.has(version));
      for (const version of unknown) {
        rests.set(version, await this.#restOf(version, found.get(version)!, at.hasFailed(version)));
      }
      if (unknown.length === 0) return wanted;
    }
  }

  #result(
    basePath: string,
    found: readonly bigint[],
    wanted: readonly bigint[],
    rests: ReadonlyMap<bigint, Rest>,
  ): Pick<Look, 'aspired' | 'nothingBecause'> {
    const isUndecided = wanted.length === 0 && rests.size > 0;
    return {
      aspired: isUndecided ? undefined : wanted.map((version) => this.#atRest.get(version)!),
      nothingBecause: wanted.length > 0 ? undefined : nothingAspired(basePath, found, rests),
    };
  }

  async #restOf(version: bigint, directory: string, hasFailed: boolean): Promise<Rest> {
    const known = this.#atRest.get(version);
    const isKnown = known?.directory === directory;
    if (isKnown && !hasFailed) return 'at rest';
    const { text, files, changedAtMs } = await this.#files.fingerprint(directory);
    if (isKnown && known.fingerprint === text) return 'at rest';
    const isSame = this.#seen.get(version) === text;
    this.#seen.set(version, text);
    const isOld = changedAtMs < this.#clock.wallMs() - AT_REST_MS;
    if (files > 0 && (isSame || isOld)) {
      this.#seen.delete(version);
      this.#atRest.set(version, { version, directory, fingerprint: text });
      return 'at rest';
    }
    this.#atRest.delete(version);
    return isSame && files === 0 ? 'empty' : 'changing';
  }
}

function nothingAspired(basePath: string, found: readonly bigint[], rests: ReadonlyMap<bigint, Rest>): string {
  if (found.length === 0) {
    return `${basePath} holds no numbered version directory; put the model into ${basePath}/1`;
  }
  const [unfinished] = [...rests].find(([, rest]) => rest !== 'at rest') ?? [];
  if (unfinished === undefined) {
    return `${basePath} holds versions ${showSome(found)}, none of which the version policy asks for`;
  }
  const what = rests.get(unfinished) === 'empty' ? 'holds no file yet' : 'is still being written';
  return `version ${unfinished} in ${basePath} ${what}`;
}
