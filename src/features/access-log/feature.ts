/** `--access_log`: one JSON line for each request for inference and for the application. */
import { optionsOf } from '../../config/options/feature-options.ts';
import type { Feature } from '../../kernel/feature.ts';
import { ACCESS_LOG_OPTIONS } from './options.ts';

export const accessLog = {
  name: 'access-log',
  options: ACCESS_LOG_OPTIONS,
  install: async (server) => {
    const { access_log: to } = optionsOf(server.config, ACCESS_LOG_OPTIONS);
    if (to !== '') (await import('./install.ts')).installAccessLog(server, to);
  },
} satisfies Feature;
