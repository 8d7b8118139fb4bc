/** The file of --audit_log_file: lines like those of the server's log (line-file.ts). */
import type { Clock } from '../../core/clock.ts';
import { openLineFile } from '../../ledger/log/line-file.ts';
import { createLogger, type Logger } from '../../ledger/log/log.ts';

export interface AuditFile {
  readonly logger: Logger;
  /** Opens the file at the path anew; if that fails, the old one goes on and `onError` is called. */
  reopen(): void;
  /** Resolves when all lines are written, or cannot be. */
  close(): Promise<void>;
}

/** Throws if the file cannot be opened. `onError`: a line could not be written, or the file not be opened anew. */
export function openAuditFile(path: string, clock: Clock, onError: (error: Error) => void): AuditFile {
  const { destination, reopen, close } = openLineFile(path, onError);
  return { logger: createLogger({ level: 'info', clock, destination, base: {} }), reopen, close };
}
