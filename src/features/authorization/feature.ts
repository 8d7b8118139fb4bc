/** `--authorization_file`: who may ask which models for what. What no rule of the file allows is refused. */
import { optionsOf } from '../../config/options/feature-options.ts';
import type { Feature } from '../../kernel/feature.ts';
import { authorizationWarnings, checkAuthorization } from './check-options.ts';
import { AUTHORIZATION_OPTIONS } from './options.ts';

export const authorization = {
  name: 'authorization',
  options: AUTHORIZATION_OPTIONS,
  check: checkAuthorization,
  warnings: authorizationWarnings,
  install: async (server) => {
    const { authorization_file: path } = optionsOf(server.config, AUTHORIZATION_OPTIONS);
    if (path !== '') (await import('./install.ts')).installAuthorization(server, path);
  },
} satisfies Feature;
