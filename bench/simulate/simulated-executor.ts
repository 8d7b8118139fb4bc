/**
 * An executor that takes a latency curve's time on shared cores, with chance, and gives back as many rows as it got.
 * Buffers are made and forgotten: rows are one number here, and what they hold does not matter.
 */
import type { Batch, BatchResult, Executor } from '../../src/core/executor.ts';
import type { Tensor, TensorMap } from '../../src/core/tensor.ts';
import type { LatencyCurve } from '../overload/workload.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { SharedCores } from './shared-cores.ts';

export class SimulatedExecutor implements Executor {
  readonly slots: number;
  readonly #curve: LatencyCurve;
  readonly #cores: SharedCores;
  readonly #random: SeededRandom;

  constructor(slots: number, curve: LatencyCurve, cores: SharedCores, random: SeededRandom) {
    this.slots = slots;
    this.#curve = curve;
    this.#cores = cores;
    this.#random = random;
  }

  allocate(byteLength: number): ArrayBuffer {
    return new ArrayBuffer(byteLength);
  }

  release(): void {
    // Nothing pooled.
  }

  run(batch: Batch): Promise<BatchResult> {
    return new Promise((resolve) => {
      this.#cores.start(this.#workMs(batch.size), () => resolve({ outputs: zeros(batch) }));
    });
  }

  #workMs(rows: number): number {
    const { baseMs, perRowMs, noise, stallShare, stallFactor } = this.#curve;
    const chance = Math.exp(noise * this.#random.normal() - noise ** 2 / 2);
    const stall = this.#random.uniform() < stallShare ? stallFactor : 1;
    return (baseMs + rows * perRowMs) * chance * stall;
  }
}

function zeros({ outputs, size }: Batch): TensorMap {
  const tensor: Tensor = { dtype: 'float32', shape: [size, 1], data: new Uint8Array(4 * size) };
  return new Map(outputs.map((name) => [name, tensor]));
}
