/** Takes key and certificates into use when their files have changed, and when asked; bad ones leave those before. */
import type { Buffer } from 'node:buffer';
import { type FileResult, loadConfigFile } from '../../config/config-file.ts';
import { outOfDate, type TlsConfig } from '../../config/tls-config.ts';
import type { TlsAtStart } from '../../config/tls-source.ts';
import { SOON_MS } from '../../core/poller.ts';
import { FileWatch, type Polling } from '../../files/file-watch.ts';

/** Events for the log and the metrics. */
export interface CertificateEvents {
  onApplied(config: TlsConfig): void;
  /** The files cannot be read, or hold these mistakes; what was served stays. */
  onRefused(errors: readonly string[]): void;
  /** Somebody has asked, and nothing is new. */
  onUnchanged(): void;
}

export interface CertificateWatchOptions extends Polling {
  readonly start: TlsAtStart;
  /** Takes the new ones into use. Throws if they cannot be used; the old ones stay then. */
  readonly apply: (config: TlsConfig) => void;
  readonly events: CertificateEvents;
  /** Reads a file; by default from the disk. Never rejects. */
  readonly load?: (path: string) => Promise<FileResult>;
}

export function watchCertificates(options: CertificateWatchOptions): FileWatch {
  const { start, pollMs, clock, events, load = loadConfigFile } = options;
  let servedHash = start.hash;
  return new FileWatch({
    known: { paths: start.source.paths, hash: servedHash },
    pollMs,
    settleMs: SOON_MS,
    clock,
    load: (path) => load(path),
    take: async ({ contents, hash, isAsked }) => {
      if (hash === servedHash) {
        if (isAsked) events.onUnchanged();
        return [];
      }
      const errors = replace(contents, options);
      if (errors.length === 0) servedHash = hash;
      return errors;
    },
    onInvalid: (errors) => events.onRefused(errors),
  });
}

/** Returns why the ones before stay; empty if the new ones are served now. */
function replace(
  contents: readonly Buffer[],
  { start, clock, apply, events }: CertificateWatchOptions,
): readonly string[] {
  const errors: string[] = [];
  const config = start.source.read(contents, errors);
  if (config === undefined) return errors;
  const late = outOfDate(config, clock.wallMs());
  if (late.length > 0) return late;
  if (config.verifyClient !== start.config.verifyClient) {
    return ['client_verify has changed, which takes effect at the next start alone; start the server again'];
  }
  try {
    apply(config);
  } catch (error) {
    return [(error as Error).message];
  }
  events.onApplied(config);
  return [];
}
