/** How far forecasts were off, in words. Pure. */

import { showNumber, showShare } from '../ledger/quantities.ts';
import type { ForecastReport } from './explanation.ts';

/** Shares of fewer answers say nothing. */
const LEAST_COUNT = 10;

/** "half of 5210 answers came at least 2.1 ms before their forecast, 99 % at most 0.3 ms after it; …": no full stop. */
export function forecastWords({ admitted, late_share, forecasts, error_ms }: ForecastReport): string {
  const late = `${showShare(late_share)} of ${admitted} admitted requests with a deadline were late`;
  if (error_ms === undefined) return admitted === 0 ? 'no request had a forecast' : late;
  const { p50, p99, p99_5 } = error_ms;
  const words =
    forecasts < LEAST_COUNT
      ? `there are too few yet to say how far they are off`
      : `half of ${forecasts} answers came ${apart(p50, 'their forecast')}, 99 % ${apart(p99, 'it')}, 99.5 % ${apart(p99_5, 'it')}`;
  return admitted === 0 ? words : `${words}; ${late}`;
}

function apart(errorMs: number, it: string): string {
  const shown = showNumber(Math.abs(errorMs));
  return errorMs <= 0 ? `${shown} ms or more before ${it}` : `at most ${shown} ms after ${it}`;
}
