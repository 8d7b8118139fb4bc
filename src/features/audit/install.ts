/** The audit log, and the file that `--audit_log_file` asks for. */
import { optionsOf } from '../../config/options/feature-options.ts';
import { atMost } from '../../core/clock.ts';
import type { Installation } from '../../kernel/installation.ts';
import { type AuditFile, openAuditFile } from './audit-file.ts';
import { AuditLines } from './audit-log.ts';
import { AUDIT_OPTIONS } from './options.ts';

/** The most time for writing the last lines. */
const FLUSHING_MS = 5000;

/** Throws if the file cannot be opened. */
export function installAudit(server: Installation): void {
  const { config, clock, logger } = server;
  const { audit_log_file: path } = optionsOf(config, AUDIT_OPTIONS);
  const file = path === '' ? undefined : openAudit(path, server);
  const log = new AuditLines(file?.logger ?? logger.steady(), clock);
  server.auditBy(log);
  server.service({
    reread: () => file?.reopen(),
    close: () => {
      log.close();
      return file && atMost(clock, FLUSHING_MS, file.close());
    },
  });
}

function openAudit(path: string, { clock, logger }: Installation): AuditFile {
  const onError = (error: Error): void =>
    logger.error({ event: 'audit_log', err: error }, 'the audit log cannot be written');
  try {
    return openAuditFile(path, clock, onError);
  } catch (error) {
    const text = `--audit_log_file=${path}: ${(error as Error).message}; name a file, not a link, that can be written`;
    throw new Error(text, { cause: error });
  }
}
