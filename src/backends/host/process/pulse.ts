/**
 * The heartbeat of a child process: what its watching thread (child-watch.ts) tells the server each PULSE_MS, whatever the
 * session is doing.
 *
 *     | resident bytes f64 | milliseconds of the run in progress f64, -1 = none |
 */
import { Buffer } from 'node:buffer';

export interface Pulse {
  /** Memory of the whole child, in bytes. */
  readonly residentBytes: number;
  /** For how long the run in progress has been running; undefined = none is. */
  readonly runMs: number | undefined;
}

export const PULSE_MS = 1000;
const PULSE_BYTES = 16;

export function pulseBytes({ residentBytes, runMs }: Pulse): Buffer {
  const bytes = Buffer.alloc(PULSE_BYTES);
  bytes.writeDoubleLE(residentBytes, 0);
  bytes.writeDoubleLE(runMs ?? -1, 8);
  return bytes;
}

/** Pulses out of a stream's chunks. */
export class PulseReader {
  readonly #onPulse: (pulse: Pulse) => void;
  #begun: Buffer = Buffer.alloc(0);

  constructor(onPulse: (pulse: Pulse) => void) {
    this.#onPulse = onPulse;
  }

  push(chunk: Buffer): void {
    let bytes = this.#begun.byteLength === 0 ? chunk : Buffer.concat([this.#begun, chunk]);
    while (bytes.byteLength >= PULSE_BYTES) {
      const runMs = bytes.readDoubleLE(8);
      this.#onPulse({ residentBytes: bytes.readDoubleLE(0), runMs: runMs < 0 ? undefined : runMs });
      bytes = bytes.subarray(PULSE_BYTES);
    }
    this.#begun = Buffer.from(bytes);
  }
}
