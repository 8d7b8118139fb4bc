/** The stream of live numbers, and the models: asked for again when a tick says that they have changed. */
import { signal } from '@preact/signals';
import type { LiveTick } from '../live-report.ts';
import type { ModelsReport } from '../models-report.ts';
import { type About, getAbout, getModels } from './api.ts';

export type Connection = 'connecting' | 'live' | 'lost';

/** What is shown of the past. */
export const SHOWN_SECONDS = 180;

/** Oldest first. */
export const ticks = signal<readonly LiveTick[]>([]);
export const connection = signal<Connection>('connecting');
export const models = signal<ModelsReport | undefined>(undefined);
export const about = signal<About | undefined>(undefined);

let revision: number | undefined;

/** Begins to listen; the browser connects again by itself when the server comes back. */
export function listen(): void {
  const events = new EventSource('/events');
  events.addEventListener('open', () => {
    connection.value = 'live';
    refresh();
  });
  events.addEventListener('error', () => {
    connection.value = 'lost';
    // A refusal (too many pages) is final for the browser; we try again.
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
  });
  events.addEventListener('history', ({ data }) => {
    ticks.value = recent(JSON.parse(String(data)) as LiveTick[]);
  });
  events.addEventListener('tick', ({ data }) => onTick(JSON.parse(String(data)) as LiveTick));
}

/** Asks for models and setup again. What fails is shown by the connection's state. */
export function refresh(): void {
  void getModels().then(
    (report) => {
      models.value = report;
    },
    () => undefined,
  );
  void getAbout().then(
    (told) => {
      about.value = told;
    },
    () => undefined,
  );
}

function onTick(tick: LiveTick): void {
  ticks.value = recent([...ticks.value, tick]);
  if (revision !== tick.models_revision) refresh();
  revision = tick.models_revision;
}

function recent(all: readonly LiveTick[]): readonly LiveTick[] {
  const since = Date.now() - SHOWN_SECONDS * 1000;
  return all.filter(({ at_ms }) => at_ms > since);
}
