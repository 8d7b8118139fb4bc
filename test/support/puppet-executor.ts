/**
 * An executor whose runs end when a test says so, in any order, well or badly.
 *
 * As its model it gives every wanted output the bytes of the input of that name, or of the first input: what a request
 * gets back shows whose rows it was given. Like a real host it takes its buffers back when a run settles, and it
 * scribbles over them then, so that an answer that still looked into one would be seen. It throws on what the contract
 * forbids.
 */
import {
  ALLOCATED_ALIGNMENT,
  type Batch,
  type BatchResult,
  type Executor,
  type SessionPlan,
} from '../../src/core/executor.ts';
import type { Tensor, TensorMap } from '../../src/core/tensor.ts';
import { IN_PLACE_BYTES } from '../../src/scheduler/tuning.ts';

export class PuppetRun {
  readonly batch: Batch;
  /** The run that it was given to follow. */
  readonly after: PuppetRun | undefined;
  readonly promise: Promise<BatchResult>;
  isEnded = false;
  #resolve!: (result: BatchResult) => void;
  #reject!: (error: unknown) => void;
  readonly #onEnd: (run: PuppetRun) => void;

  constructor(batch: Batch, after: PuppetRun | undefined, onEnd: (run: PuppetRun) => void) {
    this.batch = batch;
    this.after = after;
    this.#onEnd = onEnd;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  complete(result: Partial<BatchResult> = {}): void {
    const outputs = result.outputs ?? echo(this.batch);
    this.#end();
    this.#resolve({ ...result, outputs });
  }

  fail(error: unknown): void {
    this.#end();
    this.#reject(error);
  }

  #end(): void {
    if (this.isEnded) throw new Error('this run has ended already');
    this.isEnded = true;
    this.#onEnd(this);
  }
}

export class PuppetExecutor implements Executor {
  slots: number;
  /** Threads of a run. */
  threads: number;
  readonly takesNext: boolean;
  /** How often it was asked for one more session. */
  growths = 0;
  widenings = 0;
  /** Undefined: it has one plan. */
  plans: readonly SessionPlan[] | undefined;
  /** Undefined: it cannot have a session of all cores. */
  widestThreads: number | undefined;
  onSlots: (() => void) | undefined;
  /** Every run so far, in order. */
  readonly runs: PuppetRun[] = [];
  /** Buffers that the scheduler holds: allocated, in no run, not released. */
  readonly loaned = new Set<ArrayBuffer>();
  /** All that it has allocated. An input elsewhere is a request's own, which it only reads. */
  readonly #made = new WeakSet<ArrayBufferLike>();
  /** Set to make the next calls throw. */
  throwOnRun: unknown;
  throwOnAllocate: unknown;
  onRun: ((batch: Batch) => void) | undefined;
  onAllocate: (() => void) | undefined;

  constructor(slots = 1, takesNext = false, threads = 1) {
    this.slots = slots;
    this.threads = threads;
    this.takesNext = takesNext;
  }

  grow(): void {
    this.growths += 1;
  }

  widen(): void {
    this.widenings += 1;
  }

  /** It is of another kind from now on, and says so. */
  become(facts: Partial<Pick<Executor, 'slots' | 'plans' | 'widestThreads' | 'isInline' | 'isOnDevice'>>): void {
    Object.assign(this, facts);
    this.onSlots?.();
  }

  use(threads: number): void {
    const plan = this.plans?.find((each) => each.threads === threads);
    if (plan === undefined) throw new Error(`there is no plan of ${threads} threads`);
    this.threads = threads;
    this.slots = plan.sessions;
  }

  /** Runs that have not ended and do not wait for another one to end. */
  get active(): PuppetRun[] {
    return this.runs.filter((run) => !run.isEnded && run.after?.isEnded !== false);
  }

  /** Runs that wait for another one to end. */
  get ahead(): PuppetRun[] {
    return this.runs.filter((run) => !run.isEnded && run.after?.isEnded === false);
  }

  allocate(byteLength: number): ArrayBuffer {
    if (this.throwOnAllocate !== undefined) throw this.throwOnAllocate;
    this.onAllocate?.();
    // Larger than asked and dirty, as buffers of a pool are.
    const buffer = new ArrayBuffer(byteLength + 16);
    scribble(buffer);
    this.loaned.add(buffer);
    this.#made.add(buffer);
    return buffer;
  }

  release(buffer: ArrayBuffer): void {
    if (!this.loaned.delete(buffer) && this.#made.has(buffer))
      throw new Error('released a buffer that was not on loan');
  }

  run(batch: Batch, after?: Batch): Promise<BatchResult> {
    const first = after === undefined ? undefined : this.#toFollow(after);
    if (first === undefined && this.active.length >= this.slots) throw new Error('more runs than slots');
    for (const tensor of batch.inputs.values()) if (tensor.dtype !== 'string') this.#takeBack(tensor.data);
    if (this.throwOnRun !== undefined) throw this.throwOnRun;
    this.onRun?.(batch);
    const run = new PuppetRun(batch, first, () => this.#freeBuffers(batch));
    this.runs.push(run);
    return run.promise;
  }

  /** Undefined if it has ended: the scheduler need not have heard of it yet. */
  #toFollow(after: Batch): PuppetRun | undefined {
    const first = this.runs.find((run) => run.batch === after);
    const isFree = first?.after?.isEnded !== false && !this.ahead.some((run) => run.after === first);
    if (!this.takesNext || first === undefined || !isFree) throw new Error('no run can follow that one');
    return first.isEnded ? undefined : first;
  }

  #takeBack(data: Uint8Array): void {
    if (this.loaned.delete(data.buffer as ArrayBuffer)) return;
    if (this.#made.has(data.buffer)) throw new Error('an input is in a buffer that has been taken back');
    if (data.byteLength < IN_PLACE_BYTES) throw new Error('a small input is in no buffer of ours');
    if (data.byteOffset % ALLOCATED_ALIGNMENT !== 0) throw new Error('an input is not aligned');
  }

  #freeBuffers({ inputs }: Batch): void {
    for (const { data } of inputs.values()) {
      if (data instanceof Uint8Array && this.#made.has(data.buffer)) scribble(data.buffer as ArrayBuffer);
    }
  }
}

function scribble(buffer: ArrayBuffer): void {
  new Uint8Array(buffer).fill(0xee);
}

function echo(batch: Batch): TensorMap {
  const outputs = new Map<string, Tensor>();
  const first = [...batch.inputs.values()][0];
  for (const name of batch.outputs) {
    const input = batch.inputs.get(name) ?? first;
    if (input === undefined) throw new Error('nothing to echo');
    outputs.set(name, input.dtype === 'string' ? input : { ...input, data: input.data.slice() });
  }
  return outputs;
}
