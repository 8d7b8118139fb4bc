/**
 * Keeps what was found out about batch axes in files, so that a restarted server need not prove them again.
 *
 *   DIR/<model>-<hash>.batching.json     the hash covers the artifact's bytes, its runtime and Pillion's version
 *
 * files/state-files.ts writes it. Errors never fail a load: they are logged, and the axes are proved anew.
 */
import { createHash } from 'node:crypto';
import type { StateFiles } from '../../files/state-files.ts';
import type { Logger } from '../../telemetry/log/log.ts';
import type { AxisOutcome } from './decide-batching.ts';

export interface DecisionStoreOptions {
  /** Undefined = nothing is kept. */
  readonly files: StateFiles | undefined;
  readonly logger: Logger;
  /** Pillion's: another one may judge in another way. */
  readonly serverVersion: string;
}

/** What is kept of one version. */
export interface KeptOutcomes {
  of(signature: string): AxisOutcome | undefined;
  /** Never rejects. */
  keep(signature: string, outcome: AxisOutcome): Promise<void>;
}

const FORMAT = 1;
const HASH_CHARS = 16;
const NOTHING_KEPT: KeptOutcomes = { of: () => undefined, keep: async () => undefined };

export class DecisionStore {
  readonly #options: DecisionStoreOptions;

  constructor(options: DecisionStoreOptions) {
    this.#options = options;
  }

  /** `runtime`: whatever decides about its arithmetic. `artifactHash` is called only if something is kept. */
  async open(model: string, runtime: string, artifactHash: () => Promise<string | undefined>): Promise<KeptOutcomes> {
    const { files, logger, serverVersion } = this.#options;
    if (files === undefined) return NOTHING_KEPT;
    const onError = (err: unknown): void => logger.warn({ model, err }, NOT_KEPT);
    try {
      const content = await artifactHash();
      if (content === undefined) return NOTHING_KEPT;
      const key = `${FORMAT}\0${serverVersion}\0${runtime}\0${content}`;
      const hash = createHash('sha256').update(key).digest('hex').slice(0, HASH_CHARS);
      const name = `${encodeURIComponent(model)}-${hash}.batching.json`;
      return new KeptFile((text) => files.write(name, text), readOutcomes((await files.read(name)) ?? '{}'), onError);
    } catch (error) {
      onError(error);
      return NOTHING_KEPT;
    }
  }
}

const NOT_KEPT = 'what is known of its batch axes cannot be kept; the next start finds it out anew';

class KeptFile implements KeptOutcomes {
  readonly #writeText: (text: string) => Promise<void>;
  readonly #outcomes: Map<string, AxisOutcome>;
  readonly #onError: (error: unknown) => void;
  #writing: Promise<void> = Promise.resolve();

  constructor(
    writeText: (text: string) => Promise<void>,
    outcomes: Map<string, AxisOutcome>,
    onError: (error: unknown) => void,
  ) {
    this.#writeText = writeText;
    this.#outcomes = outcomes;
    this.#onError = onError;
  }

  of(signature: string): AxisOutcome | undefined {
    return this.#outcomes.get(signature);
  }

  keep(signature: string, outcome: AxisOutcome): Promise<void> {
    this.#outcomes.set(signature, outcome);
    this.#writing = this.#writing.then(() => this.#write()).catch(this.#onError);
    return this.#writing;
  }

  #write(): Promise<void> {
    return this.#writeText(JSON.stringify({ format: FORMAT, signatures: Object.fromEntries(this.#outcomes) }));
  }
}

/** Whatever is not of this format is ignored, and overwritten later. */
function readOutcomes(text: string): Map<string, AxisOutcome> {
  const outcomes = new Map<string, AxisOutcome>();
  const kept = parsed(text);
  if (kept.format !== FORMAT) return outcomes;
  for (const [name, outcome] of Object.entries(kept.signatures ?? {})) {
    const { kind, reason } = (outcome ?? {}) as Partial<AxisOutcome>;
    if ((kind === 'rows' || kind === 'mixed') && typeof reason === 'string') outcomes.set(name, { kind, reason });
  }
  return outcomes;
}

interface KeptText {
  readonly format?: unknown;
  readonly signatures?: Readonly<Record<string, unknown>>;
}

function parsed(text: string): KeptText {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
