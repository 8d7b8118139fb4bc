/** The stream of live numbers. The models are requested again when a tick says that they have changed. */
import { signal } from '@preact/signals';
import type { LiveTick } from '../live-report.ts';
import type { ModelsReport } from '../models-report.ts';
import { type About, getAbout, getModels } from './api.ts';
import { lastTicks } from './live-window.ts';

export type Connection = 'connecting' | 'live' | 'lost';

/** Length of the plots. */
export const SHOWN_SECONDS = 180;

/** Oldest first. */
export const ticks = signal<readonly LiveTick[]>([]);
export const connection = signal<Connection>('connecting');
/** Ticks arrive: the newest one is of this second. */
export const isCounting = signal(false);
export const models = signal<ModelsReport | undefined>(undefined);
export const about = signal<About | undefined>(undefined);

let revision: number | undefined;

/** Starts the stream. The browser reconnects by itself when the server is back. */
export function listen(): void {
  const events = new EventSource('/events');
  events.addEventListener('open', () => {
    connection.value = 'live';
    refresh();
  });
  events.addEventListener('error', () => {
    connection.value = 'lost';
    isCounting.value = false;
    // After a refusal (too many pages) the browser does not try again.
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
  });
  events.addEventListener('history', ({ data }) => {
    // The newest of these may be minutes old.
    isCounting.value = false;
    ticks.value = recent(JSON.parse(String(data)) as LiveTick[]);
  });
  events.addEventListener('tick', ({ data }) => onTick(JSON.parse(String(data)) as LiveTick));
}

/** Requests the models and the setup again. The connection's state shows a failure. */
export function refresh(): void {
  void getModels().then(
    (report) => {
      models.value = report;
    },
    () => undefined,
  );
  void getAbout().then(
    (answer) => {
      about.value = answer;
    },
    () => undefined,
  );
}

function onTick(tick: LiveTick): void {
  // Where the server's clock was set back, what is not earlier would be drawn twice.
  ticks.value = recent([...ticks.value.filter(({ at_ms }) => at_ms < tick.at_ms), tick]);
  isCounting.value = true;
  if (revision !== tick.models_revision) refresh();
  revision = tick.models_revision;
}

/** By the server's clock: this machine's may be another. */
function recent(all: readonly LiveTick[]): readonly LiveTick[] {
  return lastTicks(all, SHOWN_SECONDS);
}
