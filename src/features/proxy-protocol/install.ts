import type { Installation } from '../../kernel/installation.ts';
import { FIRST_REQUEST_MS } from '../../proxy/http1/rest-listener.ts';
import { PROXY_OUTCOMES, type ProxyOutcome, ProxyProtocol } from './proxy-protocol.ts';

export function installProxyProtocol(server: Installation): void {
  const { clock, telemetry } = server;
  const help = 'Connections behind a proxy, by what their header was.';
  const family = telemetry.metrics.registry.counter('pillion_proxy_headers_total', help);
  server.prelude((surface) => {
    const counts = new Map(PROXY_OUTCOMES.map((outcome) => [outcome, family.open({ surface, outcome })]));
    const onOutcome = (outcome: ProxyOutcome): void => counts.get(outcome)!.add(1);
    return new ProxyProtocol({ clock, timeoutMs: FIRST_REQUEST_MS, onOutcome });
  });
}
