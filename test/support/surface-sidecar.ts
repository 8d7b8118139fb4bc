/**
 * The sidecar that the surface contract is run on: the surface models, one slot each, a short queue, small limits; and
 * its metrics page as the tests' clock. Whoever wants to meet a request in a certain state waits until the page shows
 * the state.
 */
import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { type MetricSamples, parseMetrics } from '../../src/cli/prometheus-text.ts';
import { type Sidecar, startSidecar } from './sidecar.ts';
import { writeSurfaceModels } from './surface-models.ts';

/** Longest body or message, in bytes: room for a million levels of nesting and no more. */
export const MAX_BYTES = 8 * 1024 * 1024;
/** Rows in a run. */
export const MAX_BATCH = 8;
/** Rows that may wait. */
export const MAX_QUEUED_ROWS = 50 * MAX_BATCH;

/** The timeout of a REST request: more than a whole queue of slow runs takes on any machine. */
export const MAX_TIMEOUT_MS = 600_000;

/** Names the caller of a request; without it each connection is one. */
export const CALLER_HEADER = 'x-caller';

const ARGS = [
  '--num_batch_threads=1',
  `--max_batch_size=${MAX_BATCH}`,
  `--max_enqueued_batches=${MAX_QUEUED_ROWS / MAX_BATCH}`,
  `--max_message_bytes=${MAX_BYTES}`,
  `--rest_api_timeout_in_ms=${MAX_TIMEOUT_MS}`,
  '--log_level=debug',
  // So that a test can send much over several connections without being several callers, who share the queue.
  `--caller_header=${CALLER_HEADER}`,
  '--rest_on_grpc_port',
];

const LOOK_AGAIN_MS = 2;
/** Some 20 s or more. */
const MAX_LOOKS = 4000;

export type Labels = Readonly<Record<string, string>>;

/** A metrics page as it was at one instant. */
export class MetricsPage {
  readonly #text: string;
  readonly #samples: MetricSamples;

  constructor(text: string) {
    this.#text = text;
    this.#samples = parseMetrics(text);
  }

  /** The sum over all series of `name` that have these labels; 0 if there is none. */
  value(name: string, labels: Labels = {}): number {
    const wanted = Object.entries(labels);
    let sum = 0;
    for (const sample of this.#samples.get(name) ?? []) {
      if (wanted.every(([key, value]) => sample.labels[key] === value)) sum += sample.value;
    }
    return sum;
  }

  /** The series that tests wait for, as text. */
  get states(): string {
    const lines = this.#text.split('\n');
    return lines.filter((line) => /^pillion_(requests_in|queue|running|refusals).* [^0]/.test(line)).join('\n');
  }

  get inFlight(): number {
    return this.value('pillion_requests_in_flight');
  }

  refusals(surface: string, kind?: string): number {
    return this.value('pillion_refusals_total', kind === undefined ? { surface } : { surface, kind });
  }

  /** Requests (or parts of large ones) of a model that wait. */
  waiting(model: string): number {
    return this.value('pillion_queue_tasks', { model });
  }

  running(model: string): number {
    return this.value('pillion_running_batches', { model });
  }

  /** Rows that a model's runtime has been given until now, and in how many runs. */
  ran(model: string): { rows: number; runs: number } {
    return {
      rows: this.value('pillion_batch_size_sum', { model }),
      runs: this.value('pillion_batch_size_count', { model }),
    };
  }

  get residentBytes(): number {
    return this.value('process_resident_memory_bytes');
  }
}

export class SurfaceSidecar {
  readonly sidecar: Sidecar;

  constructor(sidecar: Sidecar) {
    this.sidecar = sidecar;
  }

  /** "host:port" of REST. */
  get rest(): string {
    return this.sidecar.rest.slice('http://'.length);
  }

  get grpc(): string {
    return this.sidecar.grpc;
  }

  async metrics(): Promise<MetricsPage> {
    return new MetricsPage(await getText(`${this.sidecar.admin}/metrics`));
  }

  /** The first page that `holds`. Rejects if none does for so long that none will. */
  async until(holds: (page: MetricsPage) => boolean): Promise<MetricsPage> {
    for (let looks = 0; ; looks++) {
      const page = await this.metrics();
      if (holds(page)) return page;
      if (looks === MAX_LOOKS)
        throw new Error(`the state that was waited for did not come; last page:\n${page.states}`);
      await delay(LOOK_AGAIN_MS);
    }
  }

  /** Nothing waits, nothing runs, nothing is in flight. */
  untilQuiet(): Promise<MetricsPage> {
    const isQuiet = (page: MetricsPage): boolean =>
      page.inFlight === 0 && page.value('pillion_queue_tasks') === 0 && page.value('pillion_running_batches') === 0;
    return this.until(isQuiet);
  }

  /** Log lines that tell of a defect of the server. */
  get defects(): readonly unknown[] {
    return this.sidecar.lines.filter(
      ({ level, msg, outcome }) =>
        level === 'error' || level === 'fatal' || outcome === 'internal' || msg?.includes('internal error') === true,
    );
  }
}

/**
 * Gets the page on a connection of its own: one that is kept may be closed by the server, for being idle, as the next
 * request is written to it, and on a busy machine it is.
 */
function getText(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (answer) => text(answer).then(resolve, reject)).once('error', reject);
  });
}

export interface SurfaceOptions {
  /** Arguments beside those that every surface sidecar has. */
  readonly args?: readonly string[];
  /** Default: all. */
  readonly models?: readonly string[];
}

/** The models go into `directory`. */
export async function startSurfaceSidecar(directory: string, options: SurfaceOptions = {}): Promise<SurfaceSidecar> {
  const models = writeSurfaceModels(directory, options.models);
  return new SurfaceSidecar(await startSidecar([...models, ...ARGS, ...(options.args ?? [])]));
}
