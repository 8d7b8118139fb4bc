/** `--access_log`: one JSON line for each request for inference and for the application. */
import type { Feature } from '../../kernel/feature.ts';
import { ACCESS_LOG_OPTIONS } from './options.ts';

export const accessLog = {
  name: 'access-log',
  options: ACCESS_LOG_OPTIONS,
  install: async (server) => (await import('./install.ts')).installAccessLog(server),
} satisfies Feature;
