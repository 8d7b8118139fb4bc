/**
 * Reloads the models when the file that lists them has changed, or when an operator asks: the models may then differ from
 * the file (HandleReloadConfigRequest), or a list that was rejected may now be accepted.
 *
 * While the file cannot be read or has errors, and when the reloader rejects its list, the models that were served before
 * stay. There is one reload at a time; the next look waits for it.
 */
import type { Buffer } from 'node:buffer';
import { type FileResult, loadConfigFile } from '../../config/config-file.ts';
import type { ModelFile } from '../../config/model-file.ts';
import { FileWatch, type Polling } from '../../files/file-watch.ts';
import type { ModelReloader } from '../serving/servable-directory.ts';

/** Events for the log. */
export interface ModelFileEvents {
  onReloaded(models: readonly string[]): void;
  /** The file cannot be read, or has these errors. */
  onInvalid(errors: readonly string[]): void;
  /** The file is valid, but the reloader rejected it or could not load a new model. It is not tried again by itself. */
  onRefused(error: unknown): void;
  /** Something in the file has no effect. */
  onWarning(text: string): void;
}

export interface ModelFileWatchOptions extends Polling {
  readonly file: ModelFile;
  readonly reloader: ModelReloader;
  readonly events: ModelFileEvents;
  /** Reads the file; by default from the disk. Never rejects. */
  readonly load?: (path: string) => Promise<FileResult>;
}

const SETTLE_MS = 1000;

export function watchModelFile(options: ModelFileWatchOptions): FileWatch {
  const { file, pollMs, clock, events, load = loadConfigFile } = options;
  return new FileWatch({
    known: { paths: [file.path], hash: file.startHash },
    pollMs,
    settleMs: SETTLE_MS,
    clock,
    load: (path) => load(path),
    take: ({ contents: [bytes] }) => apply(bytes!, options),
    onInvalid: (errors) => events.onInvalid(errors),
  });
}

/** Resolves with the errors in the file. */
async function apply(bytes: Buffer, { file, reloader, events }: ModelFileWatchOptions): Promise<readonly string[]> {
  try {
    const { models, errors, warnings } = file.read(bytes);
    if (errors.length > 0) return errors;
    for (const warning of warnings) events.onWarning(warning);
    await reloader.reload(models, { keepsPlatforms: file.keepsPlatforms });
    events.onReloaded(models.map(({ name }) => name));
  } catch (error) {
    events.onRefused(error);
  }
  return [];
}
