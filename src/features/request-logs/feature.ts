/** `logging` of a model: a sample of its requests in TFRecord files (docs/how-to/warm-up-and-records.md). */
import { givenOf, isOn } from '../../config/options/feature-options.ts';
import type { Feature } from '../../kernel/feature.ts';
import { LOGGING } from './keys.ts';
import { REQUEST_LOG_OPTIONS } from './options.ts';

export const requestLogs = {
  name: 'request-logs',
  options: REQUEST_LOG_OPTIONS,
  modelKeys: [LOGGING],
  warnings: (read) => {
    if (isOn(read, 'enable_reload_rpc')) return [];
    const why = 'it limits what clients may ask for with --enable_reload_rpc';
    return givenOf(['log_root'], read).map(({ place }) => `${place} has no effect: ${why}`);
  },
  install: async (server) => (await import('./install.ts')).installRequestLogs(server),
} satisfies Feature;
