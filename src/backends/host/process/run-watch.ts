/** Since when a run has been going on in a child: written by the thread that runs, read by the one that watches. */
import { machineTimeMs } from '../worker-call.ts';

export class RunWatch {
  readonly memory: SharedArrayBuffer;
  readonly #startedAt: Float64Array;

  /** Over the memory of another thread's, or over new memory. */
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

  /** Undefined: none is going on. */
  get runMs(): number | undefined {
    const startedAt = this.#startedAt[0]!;
    return startedAt === 0 ? undefined : machineTimeMs() - startedAt;
  }
}
