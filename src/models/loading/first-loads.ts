/**
 * Decides which artifacts are loaded in a process of their own first (backends/host/process/trial-run.ts), because
 * nobody knows whether they crash their runtime. A crash in the server's process would end all models, and again at
 * each restart.
 *
 *     a mark says that its last load did not end ──────────────▶ first in a process
 *     loaded here before: same bytes, runtime and CPU ─────────▶ as usual
 *     the server serves already, whatever the artifact ────────▶ first in a process
 *     a cold start: more than the shapes of a request decide
 *                   what its graph does ───────────────────────▶ first in a process
 *     a cold start, any other ─────────────────────────────────▶ as usual: a start is not to take twice as long
 *
 * With --state_dir both are kept in files, so that a restart knows them:
 *
 *     DIR/<model>-<hash>.loading.json   the mark: written before each load, removed after it. The hash covers the
 *                                       version and the names, sizes and times of its files. After a crash in a process
 *                                       it stays
 *     DIR/<model>-<hash>.known.json     it was loaded. The hash covers the artifact's bytes, runtime and CPU
 *
 * Errors of these files never fail a load: they are logged.
 */
import type { WorkBounds } from '../../backends/backend.ts';
import { isCrash } from '../../backends/host/process/trial-run.ts';
import { type ServingError, toServingError } from '../../core/errors.ts';
import { type StateFiles, stateFileName } from '../../files/state-files.ts';
import type { Logger } from '../../ledger/log/log.ts';
import { fingerprintOf } from '../versions/artifact-fingerprint.ts';
import type { HashArtifact } from './artifact-hash.ts';

export interface FirstLoadsOptions {
  /** Undefined = nothing is kept between starts. */
  readonly files: StateFiles | undefined;
  readonly logger: Logger;
  readonly cpuModel: string;
  /** The versions of the runtimes, as a text. */
  readonly runtimes: string;
  /** The server has started: other models would be lost in a crash. */
  readonly isServing: () => boolean;
}

/** One load of a version. */
export interface FirstLoad {
  /**
   * Why the artifact is to be loaded in a process first; undefined = it need not be. `kind`: its backend's. `bounds`:
   * what its graph tells, if that can be read. Asked only where it will run in the server's process.
   */
  reasonToTry(kind: string, bounds: WorkBounds | undefined): Promise<string | undefined>;
  /** The load has ended; with `error` it has failed. Never rejects. */
  end(error?: ServingError): Promise<void>;
}

/** Loads of which nobody keeps anything: they go as usual. */
export const NO_FIRST_LOAD: FirstLoad = { reasonToTry: async () => undefined, end: async () => undefined };

/** Tells `first` how the load ends. */
export async function endedBy<T>(first: FirstLoad, load: Promise<T>): Promise<T> {
  try {
    const loaded = await load;
    await first.end();
    return loaded;
  } catch (error) {
    await first.end(toServingError(error));
    throw error;
  }
}

const FORMAT = 1;

export class FirstLoads {
  readonly #options: FirstLoadsOptions;
  /** Keys of artifacts that this process has loaded. */
  readonly #known = new Set<string>();

  constructor(options: FirstLoadsOptions) {
    this.#options = options;
  }

  /** Writes the mark. Never rejects. */
  async begin(model: string, version: bigint, directory: string, hashArtifact: HashArtifact): Promise<FirstLoad> {
    const fields = { model, version: version.toString() };
    const mark = await this.#mark(model, version, directory, fields);
    let asked: string | undefined;
    return {
      reasonToTry: async (kind, bounds) => {
        asked = kind;
        const reason = mark.wasThere ? 'the server ended in its last load' : this.#reason(bounds);
        if (reason === undefined || (!mark.wasThere && (await this.#isKnown(model, kind, hashArtifact))))
          return undefined;
        this.#options.logger.info({ ...fields, reason }, 'loads in a process of its own first');
        return reason;
      },
      end: async (error) => {
        if (error !== undefined && isCrash(error)) return;
        await mark.remove();
        if (error === undefined && asked !== undefined) await this.#remember(model, asked, hashArtifact, fields);
      },
    };
  }

  #reason(bounds: WorkBounds | undefined): string | undefined {
    if (this.#options.isServing()) return 'this machine has not loaded it before, and others are served';
    return bounds === undefined || bounds.kind === 'shapes' ? undefined : bounds.reason;
  }

  async #mark(model: string, version: bigint, directory: string, fields: object) {
    const { files, logger } = this.#options;
    const none = { wasThere: false, remove: async () => undefined };
    if (files === undefined) return none;
    const onError = (err: unknown): void => logger.warn({ ...fields, err }, NOT_MARKED);
    try {
      const name = stateFileName(model, `${version}\0${(await fingerprintOf(directory)).text}`, 'loading');
      const wasThere = (await files.read(name)) !== undefined;
      if (!wasThere) await files.write(name, JSON.stringify({ format: FORMAT, ...fields }));
      return { wasThere, remove: () => files.remove(name).catch(onError) };
    } catch (error) {
      onError(error);
      return none;
    }
  }

  async #isKnown(model: string, kind: string, hashArtifact: HashArtifact): Promise<boolean> {
    const key = await this.#keyOf(kind, hashArtifact).catch(() => undefined);
    if (key === undefined) return false;
    if (this.#known.has(key)) return true;
    const found = await this.#options.files?.read(stateFileName(model, key, 'known')).catch(() => undefined);
    if (found !== undefined) this.#known.add(key);
    return found !== undefined;
  }

  /** Hashes the artifact only where that was done already, or its file is to be written. */
  async #remember(model: string, kind: string, hashArtifact: HashArtifact, fields: object): Promise<void> {
    const { files, logger, isServing } = this.#options;
    if (files === undefined && !isServing()) return;
    try {
      const key = await this.#keyOf(kind, hashArtifact);
      if (key === undefined || (await this.#isKnown(model, kind, hashArtifact))) return;
      this.#known.add(key);
      await files?.write(stateFileName(model, key, 'known'), JSON.stringify({ format: FORMAT, model }));
    } catch (err) {
      logger.warn({ ...fields, err }, NOT_KNOWN);
    }
  }

  async #keyOf(kind: string, hashArtifact: HashArtifact): Promise<string | undefined> {
    const { cpuModel, runtimes } = this.#options;
    const content = await hashArtifact();
    return content === undefined ? undefined : `${FORMAT}\0${runtimes}\0${cpuModel}\0${kind}\0${content}`;
  }
}

const NOT_MARKED = 'a load cannot be marked; if it ends the server, so does the next one';
const NOT_KNOWN = 'it cannot be kept that this version was loaded; the next start finds it out anew';
