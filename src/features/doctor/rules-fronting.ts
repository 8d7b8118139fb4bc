/** Rules about the application behind the server. */
import { showShare } from '../../ledger/quantities.ts';
import type { Rule } from './rule.ts';

/** Anybody can send such a header; a proxy sends it with every request. */
const UNBELIEVED_SHARE = 0.1;
const LEAST_REQUESTS = 10;

export const proxyUntrusted: Rule = ({ server }) => {
  const { requests, unbelieved } = server?.traffic.app ?? { requests: 0, unbelieved: 0 };
  const share = requests < LEAST_REQUESTS ? 0 : unbelieved / requests;
  if (share <= UNBELIEVED_SHARE) return [];
  return {
    id: 'proxy_untrusted',
    what: `${showShare(Math.min(share, 1))} of the application’s requests came with x-forwarded-proto from peers that are not trusted`,
    why: 'a proxy in front terminates TLS, and the application sees http and the proxy’s address: it redirects for ever, say',
    change:
      'set --trusted_proxies to the proxy’s addresses (the log’s line forwarded_untrusted has one), and let it overwrite x-forwarded-for and x-forwarded-proto',
  };
};
