import type { Installation } from '../../kernel/installation.ts';
import { TrustedNetworks } from './trusted-proxies.ts';

/** `text`: the networks, as `--trusted_proxies` has them. */
export function installTrustedProxies(server: Installation, text: string): void {
  server.trustProxies(new TrustedNetworks(text));
}
