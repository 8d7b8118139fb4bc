/** `--load_reports`: how loaded the server is, for balancers that weigh servers by it (ORCA). */
import type { Feature } from '../../kernel/feature.ts';
import { LOAD_REPORT_OPTIONS } from './options.ts';

export const loadReports = {
  name: 'load-reports',
  options: LOAD_REPORT_OPTIONS,
  install: async (server) => (await import('./install.ts')).installLoadReports(server),
} satisfies Feature;
