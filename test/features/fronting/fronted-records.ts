/** Telemetry of fronted requests that keeps their records, for tests to look at. */
import { systemClock } from '../../../src/core/clock.ts';
import type { FrontedRecord } from '../../../src/proxy/fronting/telemetry/fronted-record.ts';
import { FrontedTelemetry } from '../../../src/proxy/fronting/telemetry/fronted-telemetry.ts';

export class FrontedRecords {
  readonly records: FrontedRecord[] = [];
  /** True for each connection that was made, false for each that failed. */
  readonly connects: boolean[] = [];
  readonly telemetry: FrontedTelemetry;
  readonly #waiting = new Set<() => void>();

  constructor() {
    this.telemetry = new FrontedTelemetry({
      clock: systemClock,
      // Traces start as where no spans are exported.
      startTrace: (caller) =>
        caller && { ...caller, traceId: caller.traceId!, spanId: caller.spanId!, parentSpanId: undefined },
      startSent: () => undefined,
      onConnect: (isMade) => this.connects.push(isMade),
      onEnd: (record) => {
        this.records.push(record);
        for (const look of this.#waiting) look();
      },
    });
  }

  /** The first record with this path, when it is over. */
  async of(path: string): Promise<FrontedRecord> {
    for (;;) {
      const found = this.records.find((record) => record.path === path);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        const look = (): void => {
          this.#waiting.delete(look);
          resolve();
        };
        this.#waiting.add(look);
      });
    }
  }
}

/** Telemetry whose records nobody looks at. */
export function frontedTelemetry(): FrontedTelemetry {
  return new FrontedRecords().telemetry;
}
