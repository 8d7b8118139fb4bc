/**
 * Keeps what was found out about batch axes and paddings in files, so that a restarted server need not prove them again.
 *
 *   DIR/<model>-<hash>.batching.json     the hash covers the artifact's bytes, its runtime and Pillion's version
 *
 * files/state-files.ts writes it. Errors never fail a load: they are logged, and all is proved anew.
 */
import { type StateFiles, stateFileName } from '../../files/state-files.ts';
import type { Logger } from '../../ledger/log/log.ts';
import type { AxisOutcome } from '../../models/loading/batch-axes.ts';
import type { PaddingProof } from './padding/prove-padding.ts';

export interface DecisionStoreOptions {
  /** Undefined = nothing is kept. */
  readonly files: StateFiles | undefined;
  readonly logger: Logger;
  /** Pillion's version: another one may judge in another way. */
  readonly serverVersion: string;
}

/** The outcomes that are kept of one version. */
export interface KeptOutcomes {
  of(signature: string): AxisOutcome | undefined;
  /** Never rejects. */
  keep(signature: string, outcome: AxisOutcome): Promise<void>;
  /** Finds what is known of the last padding, if it was the same: `padding` is a text that tells it from others. */
  paddingOf(signature: string, padding: string): PaddingProof | undefined;
  /** Keeps what is known of a padding. Never rejects. */
  keepPadding(signature: string, padding: string, proof: PaddingProof): Promise<void>;
}

/** A padding that was rejected, or accepted up to a length. */
interface KeptPadding extends PaddingProof {
  readonly padding: string;
}

interface Kept {
  readonly signatures: Map<string, AxisOutcome>;
  readonly paddings: Map<string, KeptPadding>;
}

const FORMAT = 3;

/** The outcomes of a version of which nothing is known, and nothing kept. */
export const NOTHING_KEPT: KeptOutcomes = {
  of: () => undefined,
  keep: async () => undefined,
  paddingOf: () => undefined,
  keepPadding: async () => undefined,
};

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
      const name = stateFileName(model, key, 'batching');
      return new KeptFile((text) => files.write(name, text), readKept((await files.read(name)) ?? '{}'), onError);
    } catch (error) {
      onError(error);
      return NOTHING_KEPT;
    }
  }
}

const NOT_KEPT = 'what is known of its batch axes and paddings cannot be kept; the next start finds it out anew';

class KeptFile implements KeptOutcomes {
  readonly #writeText: (text: string) => Promise<void>;
  readonly #kept: Kept;
  readonly #onError: (error: unknown) => void;
  #writing: Promise<void> = Promise.resolve();

  constructor(writeText: (text: string) => Promise<void>, kept: Kept, onError: (error: unknown) => void) {
    this.#writeText = writeText;
    this.#kept = kept;
    this.#onError = onError;
  }

  of(signature: string): AxisOutcome | undefined {
    return this.#kept.signatures.get(signature);
  }

  keep(signature: string, outcome: AxisOutcome): Promise<void> {
    this.#kept.signatures.set(signature, outcome);
    return this.#write();
  }

  paddingOf(signature: string, padding: string): PaddingProof | undefined {
    const kept = this.#kept.paddings.get(signature);
    return kept?.padding === padding ? kept : undefined;
  }

  keepPadding(signature: string, padding: string, proof: PaddingProof): Promise<void> {
    this.#kept.paddings.set(signature, { padding, ...proof });
    return this.#write();
  }

  #write(): Promise<void> {
    const { signatures, paddings } = this.#kept;
    const text = JSON.stringify({
      format: FORMAT,
      signatures: Object.fromEntries(signatures),
      paddings: Object.fromEntries(paddings),
    });
    this.#writing = this.#writing.then(() => this.#writeText(text)).catch(this.#onError);
    return this.#writing;
  }
}

/** Whatever is not of this format is ignored, and overwritten later. */
function readKept(text: string): Kept {
  const kept = parsed(text);
  const { signatures, paddings } = kept.format === FORMAT ? kept : ({} as KeptText);
  return { signatures: found(signatures, axisOutcome), paddings: found(paddings, keptPadding) };
}

function found<T>(values: KeptText['signatures'], read: (value: unknown) => T | undefined): Map<string, T> {
  const known = Object.entries(values ?? {}).map(([name, value]) => [name, read(value ?? {})] as const);
  return new Map(known.filter((entry): entry is readonly [string, T] => entry[1] !== undefined));
}

function axisOutcome(value: unknown): AxisOutcome | undefined {
  const { kind, reason, fix } = value as Partial<AxisOutcome>;
  if ((kind !== 'rows' && kind !== 'mixed') || typeof reason !== 'string') return undefined;
  return { kind, reason, ...(typeof fix === 'string' && { fix }) };
}

function keptPadding(value: unknown): KeptPadding | undefined {
  const { padding, kind, reason, runs, most, isWhole } = value as Partial<KeptPadding>;
  const isDecided = kind === 'accepted' || kind === 'rejected';
  if (!isDecided || typeof padding !== 'string' || typeof reason !== 'string' || typeof isWhole !== 'boolean') return;
  if (!Number.isSafeInteger(runs) || !Number.isSafeInteger(most) || most! < 0) return;
  return { padding, kind, reason, runs: runs!, most: most!, isWhole };
}

interface KeptText {
  readonly format?: unknown;
  readonly signatures?: Readonly<Record<string, unknown>>;
  readonly paddings?: Readonly<Record<string, unknown>>;
}

function parsed(text: string): KeptText {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
