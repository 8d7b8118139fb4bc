/** The stream of live numbers. The models are requested again when a tick says that they have changed. */
import { signal } from '@preact/signals';
import type { ModelsReport } from '../../../admin/models-report.ts';
import type { LiveTick } from '../live-report.ts';
import type { ReportPage } from '../report-paths.ts';
import type { About } from './about.ts';
import { getAbout, getModels, getReports, isLocked } from './api.ts';
import { streamEvents } from './event-stream.ts';
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
/** The pages that features bring. */
export const reports = signal<readonly ReportPage[]>([]);

const RECONNECT_MS = 2000;

let revision: number | undefined;

/** Listens, again and again, until the page is closed; after a lock, when it is opened. */
export async function listen(): Promise<never> {
  for (;;) {
    await streamEvents('/events', onOpen, onEvent).catch(() => undefined);
    connection.value = 'lost';
    isCounting.value = false;
    await (isLocked.value ? unlocked() : new Promise((resolve) => setTimeout(resolve, RECONNECT_MS)));
  }
}

function onOpen(): void {
  connection.value = 'live';
  refresh();
}

function onEvent(name: string, data: string): void {
  if (name === 'tick') onTick(JSON.parse(data) as LiveTick);
  if (name !== 'history') return;
  // The newest of these may be minutes old.
  isCounting.value = false;
  ticks.value = recent(JSON.parse(data) as LiveTick[]);
}

function unlocked(): Promise<void> {
  return new Promise((resolve) => {
    const stop = isLocked.subscribe((locked) => {
      if (locked) return;
      resolve();
      queueMicrotask(() => stop());
    });
  });
}

/** Requests the models, the setup and the pages of features again. The connection's state shows a failure. */
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
  refreshReports();
}

/** Requests the pages of features again, with their first sentences. */
export function refreshReports(): void {
  void getReports().then(
    (answer) => {
      reports.value = answer.reports;
    },
    () => undefined,
  );
}

function onTick(tick: LiveTick): void {
  // The server's clock may have been set back: ticks that are not earlier than this one would be drawn twice.
  ticks.value = recent([...ticks.value.filter(({ at_ms }) => at_ms < tick.at_ms), tick]);
  isCounting.value = true;
  if (revision !== tick.models_revision) refresh();
  revision = tick.models_revision;
}

/** The last ticks by the server's clock: this machine's may differ. */
function recent(all: readonly LiveTick[]): readonly LiveTick[] {
  return lastTicks(all, SHOWN_SECONDS);
}
