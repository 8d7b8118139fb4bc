/**
 * Polls one model's base path and decides which versions are aspired. A version that is still being written is not
 * among them: a new version counts once it holds a file and its files are *at rest*, which means that
 *
 *     no file had changed for AT_REST_MS when the version was first found,     or
 *     its fingerprint is the same on two polls in a row
 *
 * The files of a version at rest are not read again, unless its load failed: they may be repaired in place. Until they
 * are at rest again it counts with its earlier files, as a copy of these may be served. The policy sees only versions
 * that were at rest, so `latest` keeps the previous version while a new one is copied.
 */
import { basename, dirname } from 'node:path';
import type { VersionPolicy } from '../../config/model-config.ts';
import type { Clock } from '../../core/clock.ts';
import { aspiredVersions, descending } from './version-policy.ts';
import { showSome, type VersionFiles } from './version-source.ts';

/**
 * Much more than the time between two writes of a copy, much less than the age of a model that was there before the
 * start.
 */
const AT_REST_MS = 3000;

/** A version at rest. */
export interface FoundVersion {
  readonly version: bigint;
  readonly directory: string;
  readonly fingerprint: string;
}

export interface PollResult {
  /**
   * The versions that the policy wants, highest first. Undefined if there are versions but none is at rest yet: the
   * aspired versions then stay as they were.
   */
  readonly aspired: readonly FoundVersion[] | undefined;
  /** The versions at rest that only an operator wants. */
  readonly byOperator: readonly FoundVersion[];
  /** The versions that operators wanted when the poll began. */
  readonly asked: readonly bigint[];
  /** All versions on disk, highest first. */
  readonly found: readonly bigint[];
  /** A version is new or still being written: poll again soon. */
  readonly isChanging: boolean;
  /** Why no version is aspired; undefined if one is. */
  readonly whyNone: string | undefined;
}

export interface PollTarget {
  /** Absolute. */
  readonly basePath: string;
  readonly policy: VersionPolicy;
  /** The version's last load failed, so its files are checked for changes. */
  readonly hasFailed: (version: bigint) => boolean;
  /** The version has failed with these files. */
  readonly isBroken: (found: FoundVersion) => boolean;
  /** A version needs no file: it may be made of other models. Default: false. */
  readonly mayBeEmpty?: boolean;
  /** The versions that operators want, even if the policy does not. */
  readonly byOperator: readonly bigint[];
}

/** `rewritten`: it was at rest, and its files change again. */
type Rest = 'at rest' | 'rewritten' | 'changing' | 'empty';

export class VersionWatch {
  readonly #files: VersionFiles;
  readonly #clock: Clock;
  readonly #atRest = new Map<bigint, FoundVersion>();
  /** The last fingerprints of versions that are not at rest. */
  readonly #seen = new Map<bigint, string>();

  constructor(files: VersionFiles, clock: Clock) {
    this.#files = files;
    this.#clock = clock;
  }

  /** The version is loaded with these files from now on, without waiting for them to be at rest. */
  adopt({ version, directory }: FoundVersion, fingerprint: string): void {
    this.#seen.delete(version);
    this.#atRest.set(version, { version, directory, fingerprint });
  }

  /** Only one call at a time. Rejects with `load_failed` if the base path cannot be read. */
  async poll(target: PollTarget): Promise<PollResult> {
    const found = await this.#files.find(target.basePath);
    for (const known of [this.#atRest, this.#seen]) {
      for (const version of known.keys()) if (!found.has(version)) known.delete(version);
    }
    const versions = descending(found.keys());
    const rests = new Map<bigint, Rest>();
    const check = async (version: bigint): Promise<void> => {
      if (rests.has(version)) return;
      rests.set(version, await this.#restOf(version, found.get(version)!, target));
    };
    const isBroken = (version: bigint): boolean => rests.has(version) && target.isBroken(this.#atRest.get(version)!);
    const wanted = await wantedAtRest(target.policy, versions, { rests, check, isBroken });
    const isUndecided = wanted.length === 0 && rests.size > 0;
    const whyNone = wanted.length > 0 ? undefined : nothingAspired(target.basePath, [...found.keys()], rests);
    const extra = versions.filter((version) => target.byOperator.includes(version) && !wanted.includes(version));
    for (const version of extra) await check(version);
    return {
      aspired: isUndecided ? undefined : this.#foundVersions(wanted),
      byOperator: this.#foundVersions(extra.filter((version) => wasAtRest(rests.get(version)))),
      asked: target.byOperator,
      found: versions,
      isChanging: [...rests.values()].some((rest) => rest === 'changing' || rest === 'rewritten'),
      whyNone,
    };
  }

  #foundVersions(versions: readonly bigint[]): readonly FoundVersion[] {
    return versions.map((version) => this.#atRest.get(version)!);
  }

  async #restOf(version: bigint, directory: string, { hasFailed, mayBeEmpty }: PollTarget): Promise<Rest> {
    const known = this.#atRest.get(version);
    const isKnown = known?.directory === directory;
    if (isKnown && !hasFailed(version)) return 'at rest';
    const { text, files, changedAtMs } = await this.#files.fingerprint(directory);
    if (isKnown && known.fingerprint === text) return 'at rest';
    const isSame = this.#seen.get(version) === text;
    this.#seen.set(version, text);
    const isOld = changedAtMs < this.#clock.wallMs() - AT_REST_MS;
    if ((files > 0 || mayBeEmpty === true) && (isSame || isOld)) {
      this.#seen.delete(version);
      this.#atRest.set(version, { version, directory, fingerprint: text });
      return 'at rest';
    }
    const isEmpty = isSame && files === 0;
    if (isKnown && !isEmpty) return 'rewritten';
    this.#atRest.delete(version);
    return isEmpty ? 'empty' : 'changing';
  }
}

function wasAtRest(rest: Rest | undefined): boolean {
  return rest === 'at rest' || rest === 'rewritten';
}

interface Look {
  readonly rests: ReadonlyMap<bigint, Rest>;
  /** Adds a version to `rests`. */
  readonly check: (version: bigint) => Promise<void>;
  readonly isBroken: (version: bigint) => boolean;
}

/** The versions at rest that the policy wants. Only those that may be wanted are read. */
async function wantedAtRest(
  policy: VersionPolicy,
  versions: readonly bigint[],
  { rests, check, isBroken }: Look,
): Promise<readonly bigint[]> {
  for (;;) {
    const candidates = versions.filter((version) => !rests.has(version) || wasAtRest(rests.get(version)));
    const wanted = aspiredVersions(policy, candidates, isBroken);
    const unknown = wanted.filter((version) => !rests.has(version));
    if (unknown.length === 0) return wanted;
    for (const version of unknown) await check(version);
  }
}

function nothingAspired(basePath: string, found: readonly bigint[], rests: ReadonlyMap<bigint, Rest>): string {
  if (found.length === 0) {
    const isNumber = /^\d+$/.test(basename(basePath));
    const fix = isNumber
      ? `if it is a version itself, name its parent ${dirname(basePath)} as the base path`
      : `put the model into ${basePath}/1`;
    return `${basePath} holds no numbered version directory; ${fix}`;
  }
  const [unfinished] = [...rests].find(([, rest]) => rest !== 'at rest') ?? [];
  if (unfinished === undefined) {
    return `${basePath} holds versions ${showSome(found)}, none of which the version policy asks for`;
  }
  const what = rests.get(unfinished) === 'empty' ? 'holds no file yet' : 'is still being written';
  return `version ${unfinished} in ${basePath} ${what}`;
}
