/**
 * The heartbeat of a child process. Its second thread (heartbeat-entry.ts) sends one every HEARTBEAT_MS, whatever the
 * first thread is doing.
 *
 *     | resident bytes f64 | milliseconds of the current run f64, -1 = none |
 */
import { Buffer } from 'node:buffer';
import { machineTimeMs } from '../worker-call.ts';

export interface Heartbeat {
  /** Resident memory of the child process, in bytes. */
  readonly residentBytes: number;
  /** Duration of the current run so far, in milliseconds; undefined = no run is in progress. */
  readonly runMs: number | undefined;
}

export const HEARTBEAT_MS = 1000;
const HEARTBEAT_BYTES = 16;

export function heartbeatBytes({ residentBytes, runMs }: Heartbeat): Buffer {
  const bytes = Buffer.alloc(HEARTBEAT_BYTES);
  bytes.writeDoubleLE(residentBytes, 0);
  bytes.writeDoubleLE(runMs ?? -1, 8);
  return bytes;
}

/** Reads heartbeats from the chunks of a stream. */
export class HeartbeatReader {
  readonly #onHeartbeat: (heartbeat: Heartbeat) => void;
  #partial: Buffer = Buffer.alloc(0);

  constructor(onHeartbeat: (heartbeat: Heartbeat) => void) {
    this.#onHeartbeat = onHeartbeat;
  }

  push(chunk: Buffer): void {
    let bytes = this.#partial.byteLength === 0 ? chunk : Buffer.concat([this.#partial, chunk]);
    while (bytes.byteLength >= HEARTBEAT_BYTES) {
      const runMs = bytes.readDoubleLE(8);
      this.#onHeartbeat({ residentBytes: bytes.readDoubleLE(0), runMs: runMs < 0 ? undefined : runMs });
      bytes = bytes.subarray(HEARTBEAT_BYTES);
    }
    this.#partial = Buffer.from(bytes);
  }
}

/** Times the current run: the thread that runs writes the start, the heartbeat thread reads the duration. */
export class RunTimer {
  readonly memory: SharedArrayBuffer;
  readonly #startedAt: Float64Array;

  /** `memory` is another timer's; by default it is new. */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#startedAt = new Float64Array(memory);
  }

  begin(): void {
    this.#startedAt[0] = machineTimeMs();
  }

  end(): void {
    this.#startedAt[0] = 0;
  }

  /** Duration of the current run so far, in milliseconds; undefined = no run is in progress. */
  get runMs(): number | undefined {
    const startedAt = this.#startedAt[0]!;
    return startedAt === 0 ? undefined : machineTimeMs() - startedAt;
  }
}
