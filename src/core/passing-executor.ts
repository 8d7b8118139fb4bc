/** An executor that passes everything on to another one: what stands between the two changes what it needs to. */
import type { Batch, BatchResult, Executor } from './executor.ts';

export class PassingExecutor implements Executor {
  protected inner: Executor;

  constructor(inner: Executor) {
    this.inner = inner;
  }

  get slots(): number {
    return this.inner.slots;
  }

  get takesNext(): boolean {
    return this.inner.takesNext === true;
  }

  get isInline(): boolean {
    return this.inner.isInline === true;
  }

  get isElsewhere(): boolean {
    return this.inner.isElsewhere === true;
  }

  allocate(byteLength: number): ArrayBuffer {
    return this.inner.allocate(byteLength);
  }

  release(buffer: ArrayBuffer): void {
    this.inner.release(buffer);
  }

  run(batch: Batch, after?: Batch): Promise<BatchResult> {
    return this.inner.run(batch, after);
  }
}
