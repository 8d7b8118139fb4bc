/** `--proxy_protocol`: a proxy in front says whose address each connection has. */
import { optionsOf } from '../../config/options/feature-options.ts';
import type { Feature } from '../../kernel/feature.ts';
import { PROXY_PROTOCOL_OPTIONS } from './options.ts';

export const proxyProtocol = {
  name: 'proxy-protocol',
  options: PROXY_PROTOCOL_OPTIONS,
  install: async (server) => {
    const isOn = optionsOf(server.config, PROXY_PROTOCOL_OPTIONS).proxy_protocol;
    if (isOn) (await import('./install.ts')).installProxyProtocol(server);
  },
} satisfies Feature;
