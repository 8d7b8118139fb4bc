/** `--load_reports`: how loaded the server is, for balancers that weigh servers by it (ORCA). */
import { optionsOf } from '../../config/options/feature-options.ts';
import type { Feature } from '../../kernel/feature.ts';
import { LOAD_REPORT_OPTIONS } from './options.ts';

export const loadReports = {
  name: 'load-reports',
  options: LOAD_REPORT_OPTIONS,
  install: async (server) => {
    const { load_reports: when } = optionsOf(server.config, LOAD_REPORT_OPTIONS);
    if (when !== 'off') (await import('./install.ts')).installLoadReports(server, when === 'always');
  },
} satisfies Feature;
