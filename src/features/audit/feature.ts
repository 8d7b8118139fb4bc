/** The audit log: who changed something, and who was refused; in the server's log, or where `--audit_log_file` says. */
import type { Feature } from '../../kernel/feature.ts';
import { AUDIT_OPTIONS } from './options.ts';

export const audit = {
  name: 'audit',
  options: AUDIT_OPTIONS,
  install: async (server) => (await import('./install.ts')).installAudit(server),
} satisfies Feature;
