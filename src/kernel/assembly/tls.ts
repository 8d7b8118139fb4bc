/** Builds TLS for the surfaces: what listeners use, and what replaces it when the files change. */
import type { ServeConfig } from '../../config/serve-config.ts';
import { expiryOf } from '../../config/tls-config.ts';
import { isoTime, systemClock } from '../../core/clock.ts';
import type { FileWatch } from '../../files/file-watch.ts';
import type { Logger } from '../../ledger/log/log.ts';
import type { Metrics } from '../../ledger/metrics/metrics.ts';
import { watchCertificates } from '../../proxy/net/certificate-watch.ts';
import { LiveTls } from '../../proxy/net/live-tls.ts';

export interface AppTls {
  readonly listen: LiveTls;
  /** Start it when the listeners are bound. */
  readonly watch: FileWatch;
}

/** Undefined without TLS. */
export function createTls({ tls, options }: ServeConfig, logger: Logger, metrics: Metrics): AppTls | undefined {
  if (tls === undefined) return undefined;
  const listen = new LiveTls(tls.config, (error, peer) => logger.debug({ err: error, peer }, 'a TLS handshake failed'));
  const family = metrics.registry.counter(
    'pillion_tls_reloads_total',
    'Changed keys and certificates, by whether they were taken.',
  );
  const [applied, refused] = ['applied', 'refused'].map((outcome) => family.open({ outcome }));
  const secondsLeft = (): number => Math.round((expiryOf(listen.config) - systemClock.wallMs()) / 1000);
  const expiry = 'Time until the served certificate expires; negative afterwards.';
  metrics.gauges.observe('pillion_tls_certificate_expiry_seconds', expiry, secondsLeft);

  const files = tls.source.paths;
  const fields = { event: 'tls_reload', files };
  const until = (): string => isoTime(expiryOf(listen.config));
  const watch = watchCertificates({
    start: tls,
    pollMs: options.tls_poll_wait_seconds * 1000,
    clock: systemClock,
    apply: (config) => listen.replace(config),
    events: {
      onApplied: () => {
        applied!.add(1);
        logger.info({ ...fields, valid_until: until() }, 'new key and certificates for TLS');
      },
      onRefused: (errors) => {
        refused!.add(1);
        const text = `new key and certificates are not taken: ${errors.join('; ')}; the ones before stay in use`;
        logger.error({ ...fields, errors, valid_until: until() }, text);
      },
      onUnchanged: () => logger.info(fields, 'key and certificates for TLS have not changed'),
    },
  });
  return { listen, watch };
}
