/** `--trusted_proxies`: proxies in front that are believed in what they say of their clients. */
import { type GivenOptions, optionsOf } from '../../config/options/feature-options.ts';
import type { Feature } from '../../kernel/feature.ts';
import { wrongProxies } from './network-list.ts';
import { TRUSTED_PROXY_OPTIONS } from './options.ts';

export const trustedProxies = {
  name: 'trusted-proxies',
  options: TRUSTED_PROXY_OPTIONS,
  check: (given: GivenOptions, errors: string[]) => {
    const { trusted_proxies: text } = optionsOf(given, TRUSTED_PROXY_OPTIONS);
    for (const wrong of wrongProxies(text)) {
      errors.push(
        `--trusted_proxies=${text}: "${wrong}" is neither an address nor a network, such as 10.0.0.0/8, nor unix`,
      );
    }
  },
  install: async (server) => {
    const { trusted_proxies: text, app_trust_forwarded: isEverybody } = optionsOf(server.config, TRUSTED_PROXY_OPTIONS);
    if (text === '' && !isEverybody) return;
    (await import('./install.ts')).installTrustedProxies(server, isEverybody ? EVERYBODY : text);
  },
} satisfies Feature;

const EVERYBODY = '0.0.0.0/0,::/0,unix';
