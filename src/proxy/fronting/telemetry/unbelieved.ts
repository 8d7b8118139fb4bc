/**
 * Requests whose peer says that it asks for somebody, and is not trusted: the application is told what this server sees
 * instead, and takes each request of a proxy with TLS for one without. Counted, and said once.
 */
import type { Logger } from '../../../ledger/log/log.ts';
import type { Registry } from '../../../ledger/metrics/registry.ts';
import { type CounterSeries, counterFamily } from '../../../ledger/metrics/series.ts';

export class Unbelieved {
  readonly #logger: Logger;
  readonly #series: CounterSeries;
  #isSaid = false;

  /** Registers its metric. */
  constructor(logger: Logger, registry: Registry) {
    const family = counterFamily(
      'pillion_app_unbelieved_requests_total',
      'Requests for the application with x-forwarded-proto from a peer that --trusted_proxies does not name.',
    );
    registry.register(family);
    this.#series = family.open({});
    this.#logger = logger;
  }

  /** `peer`: its address, or 'unix'. */
  note(peer: string): void {
    this.#series.add(1);
    if (this.#isSaid) return;
    this.#isSaid = true;
    this.#logger.warn(
      { event: 'forwarded_untrusted', peer },
      `a request came with x-forwarded-proto, and the application was not told it: if ${peer} is a proxy of yours, set --trusted_proxies=${peer}`,
    );
  }
}
