/**
 * Looks at the longest run of each version from time to time, beside the requests. A stalled one is told once, and once
 * more when it has ended:
 *
 *   run starts ──────────── stalled: warn ──────────── ended: info
 */
import type { Clock, Instant } from '../../core/clock.ts';
import type { Servable } from '../../models/serving/servable.ts';
import { stalledRun } from '../../models/serving/stalled-run.ts';

/** The lines of the log, as far as they are written here. */
interface RunLog {
  warn(fields: object, text: string): void;
  info(fields: object, text: string): void;
}

export interface StalledRunsOptions {
  readonly clock: Clock;
  readonly logger: RunLog;
  readonly servables: () => Iterable<Pick<Servable, 'name' | 'version' | 'runner'>>;
}

export class StalledRuns {
  readonly #options: StalledRunsOptions;
  /** The starts of the runs that were told. */
  readonly #told = new Map<Pick<Servable, 'name' | 'version' | 'runner'>, Instant>();

  constructor(options: StalledRunsOptions) {
    this.#options = options;
  }

  look(): void {
    const { clock, servables } = this.#options;
    const now = clock.nowMs();
    const there = new Set(servables());
    for (const servable of there) {
      const stalled = stalledRun(servable.runner, now);
      const told = this.#told.get(servable);
      if (told !== undefined && stalled?.since !== told) this.#tellEnd(servable, now - told);
      if (stalled !== undefined && stalled.since !== told) this.#tell(servable, stalled);
    }
    for (const servable of this.#told.keys()) if (!there.has(servable)) this.#told.delete(servable);
  }

  #tell(
    servable: Pick<Servable, 'name' | 'version' | 'runner'>,
    { since, ms, expectedMs }: NonNullable<ReturnType<typeof stalledRun>>,
  ): void {
    this.#told.set(servable, since);
    const { name, version, runner } = servable;
    const fields = {
      ...{ event: 'run_stalled', model: name, version: version.toString(), run_ms: Math.round(ms) },
      ...(expectedMs !== undefined && { expected_ms: Math.round(expectedMs) }),
      queued_rows: runner.queuedRows,
    };
    this.#options.logger.warn(fields, 'a run does not end: its runtime may be stuck, and requests behind it wait');
  }

  #tellEnd(servable: Pick<Servable, 'name' | 'version' | 'runner'>, ms: number): void {
    this.#told.delete(servable);
    const fields = { event: 'run_stalled_end', model: servable.name, version: servable.version.toString() };
    this.#options.logger.info({ ...fields, run_ms: Math.round(ms) }, 'a run that had stalled has ended');
  }
}
