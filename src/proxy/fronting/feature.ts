/** `--app`: the application behind this server gets every request that is not for inference. */
import { optionsOf } from '../../config/options/feature-options.ts';
import type { Feature } from '../../kernel/feature.ts';
import { checkApp, withoutApp } from './check-options.ts';
import { APP_OPTIONS } from './options.ts';

export const fronting = {
  name: 'fronting',
  options: APP_OPTIONS,
  check: checkApp,
  warnings: withoutApp,
  install: async (server) => {
    const { app, app_metrics_url } = optionsOf(server.config, APP_OPTIONS);
    if (app !== '' || app_metrics_url !== '') (await import('./install.ts')).installFronting(server);
  },
} satisfies Feature;
