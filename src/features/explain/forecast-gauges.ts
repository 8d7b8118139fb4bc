import type { Clock } from '../../core/clock.ts';
import type { Gauges } from '../../ledger/metrics/gauges.ts';
import type { Servable } from '../../models/serving/servable.ts';
import { ERROR_QUANTILES } from './forecast-errors.ts';
import type { RecentWork } from './recent-work.ts';

/** Registers gauges of how far the ends of each version's requests were from their forecasts lately. */
export function observeForecasts(
  gauges: Gauges,
  recent: RecentWork,
  servables: () => Iterable<Servable>,
  clock: Clock,
): void {
  const read = () =>
    [...servables()].flatMap(({ name: model, version: number }) => {
      const version = number.toString();
      const found = recent.forecastsOf(model, version, clock.nowMs());
      return found === undefined ? [] : [{ labels: { model, version }, ...found }];
    });
  const error =
    'By how much requests ended later than admission expected over the last minute or two, by quantile; below 0 = earlier.';
  gauges.observeEach('pillion_forecast_error_seconds', error, () =>
    read().flatMap(({ labels, errorMs }) =>
      errorMs.map((ms, i) => ({ labels: { ...labels, quantile: String(ERROR_QUANTILES[i]) }, value: ms / 1000 })),
    ),
  );
  const late = 'Share of the requests that were admitted with a deadline and ended after it, over the same time.';
  gauges.observeEach('pillion_admitted_late_ratio', late, () =>
    read().map(({ labels, lateShare }) => ({ labels, value: lateShare })),
  );
}
