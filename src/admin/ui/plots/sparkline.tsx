/** Requests a second of one model, as a line without axes. */
import type { LiveTick } from '../../live-report.ts';
import { SHOWN_SECONDS } from '../live.ts';
import { versionsOf } from '../live-window.ts';

const WIDTH = 160;
const HEIGHT = 22;

export function Sparkline({ ticks, model }: { ticks: readonly LiveTick[]; model: string }) {
  const newest = ticks.at(-1)?.at_ms ?? 0;
  const rates = ticks.map((tick) => {
    const requests = versionsOf(tick, { model }).reduce((sum, version) => sum + version.requests, 0);
    return { at: WIDTH * (1 - (newest - tick.at_ms) / 1000 / SHOWN_SECONDS), rate: (1000 * requests) / tick.span_ms };
  });
  const most = Math.max(1, ...rates.map(({ rate }) => rate));
  const line = rates.map(
    ({ at, rate }) => `${at.toFixed(1)},${(HEIGHT - 2 - (HEIGHT - 4) * (rate / most)).toFixed(1)}`,
  );
  return (
    <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} aria-hidden="true">
      <polyline points={line.join(' ')} fill="none" stroke="var(--accent)" stroke-width="1.25" />
    </svg>
  );
}
