/** The pages of metrics, in the format that a scrape accepts. */
import { type AdminPath, type Asked, send } from '../../admin/admin-path.ts';
import type { Clock } from '../../core/clock.ts';
import { DEFAULT_METRICS_PATH } from '../../core/metrics-path.ts';
import type { Metrics } from '../../ledger/metrics/metrics.ts';
import { SteadyWall } from '../../ledger/steady-wall.ts';
import type { MetricsPage } from '../../proxy/http1/local-replies.ts';
import { OPENMETRICS_TYPE, openMetricsText, PROMETHEUS_TYPE, prometheusText, wantsOpenMetrics } from './exposition.ts';

export interface MetricsPageOptions {
  /** `Accept` of the request. */
  readonly accept?: string | undefined;
  /** Include the metrics under the names of TensorFlow Serving and Triton. Default false. */
  readonly withAliases?: boolean;
}

export class MetricsPages {
  readonly #metrics: Metrics;
  readonly #wall: SteadyWall;

  constructor(metrics: Metrics, clock: Clock) {
    this.#metrics = metrics;
    this.#wall = new SteadyWall(clock);
  }

  /** The answer to a scrape, in the format that it accepts. */
  async page({ accept, withAliases = false }: MetricsPageOptions = {}): Promise<MetricsPage> {
    const all = await this.#metrics.snapshots(withAliases);
    if (!wantsOpenMetrics(accept)) return { contentType: PROMETHEUS_TYPE, text: prometheusText(all) };
    return { contentType: OPENMETRICS_TYPE, text: openMetricsText(all, this.#wall.atZero()) };
  }

  adminPaths(): readonly AdminPath[] {
    const answer = async ({ path, request, response }: Asked): Promise<void> => {
      const withAliases = path === DEFAULT_METRICS_PATH;
      const page = await this.page({ accept: request.headers.accept, withAliases });
      send(response, page.contentType, page.text);
    };
    return [
      { method: 'GET', path: '/metrics', says: 'metrics for Prometheus', guard: 'scraper', answer },
      { method: 'GET', path: DEFAULT_METRICS_PATH, guard: 'scraper', answer },
    ];
  }
}
