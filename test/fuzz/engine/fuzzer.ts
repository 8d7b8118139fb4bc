/**
 * Coverage-guided fuzzing of one target: an input that reaches something new is kept, and later inputs are made from the
 * kept ones. The first fault ends it, with a smaller input that still shows it.
 */
import { Buffer } from 'node:buffer';
import type { FuzzTarget } from '../fuzz-target.ts';
import type { CoverageMap } from './coverage-map.ts';
import { Mutator, seededRandom } from './mutator.ts';

export interface Finding {
  readonly input: Uint8Array;
  readonly error: unknown;
}

export interface FuzzerOptions {
  readonly target: FuzzTarget;
  readonly coverage: CoverageMap;
  readonly seed: number;
  /** Called before each run: an input that never ends can only be told by it. */
  readonly onInput: (input: Uint8Array) => void;
}

/** Runs between two looks at the time, for targets that do not wait. */
const RUNS_A_LOOK = 64;
/** While a fault's input is made smaller. */
const MOST_SHRINKING_RUNS = 3000;

export class Fuzzer {
  readonly #options: FuzzerOptions;
  readonly #mutator: Mutator;
  readonly #random: (below: number) => number;
  #kept: Buffer[] = [];
  /** Inputs run so far. */
  runs = 0;

  constructor(options: FuzzerOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#mutator = new Mutator(this.#random, options.target.words, options.target.maxBytes);
  }

  /** The inputs that reached something new. */
  get kept(): readonly Uint8Array[] {
    return this.#kept;
  }

  /** Runs these first: earlier inputs, shortest first, so that of two that reach the same the shorter is kept. */
  async start(inputs: readonly Uint8Array[]): Promise<Finding | undefined> {
    const { coverage } = this.#options;
    coverage.takeNews();
    for (const input of [Buffer.alloc(0), ...inputs].sort((a, b) => a.length - b.length)) {
      const finding = await this.#try(Buffer.from(input));
      if (finding !== undefined) return finding;
    }
    return undefined;
  }

  /** Makes inputs for `ms`. */
  async fuzz(ms: number): Promise<Finding | undefined> {
    const end = performance.now() + ms;
    do {
      for (let i = 0; i < RUNS_A_LOOK; i++) {
        const finding = await this.#try(this.#mutator.mutate(this.#pick(), this.#pick()));
        if (finding !== undefined) return finding;
      }
    } while (performance.now() < end);
    return undefined;
  }

  /** Of the kept ones; the later, the likelier. */
  #pick(): Buffer {
    const kept = this.#kept;
    if (kept.length === 0) return Buffer.alloc(0);
    const last = kept.length - 1;
    return kept[this.#random(2) === 0 ? this.#random(kept.length) : last - this.#random(Math.min(kept.length, 32))]!;
  }

  async #try(input: Buffer): Promise<Finding | undefined> {
    try {
      await this.#run(input);
    } catch (error) {
      return { input: await this.#shrink(input), error };
    }
    if (this.#options.coverage.takeNews()) this.#kept.push(input);
    return undefined;
  }

  async #run(input: Buffer): Promise<void> {
    const { target, onInput } = this.#options;
    this.runs += 1;
    onInput(input);
    const pending = target.run(Buffer.from(input));
    if (pending !== undefined) await pending;
  }

  /** Leaves out pieces as long as there is still a fault. */
  async #shrink(input: Buffer): Promise<Buffer> {
    let best = input;
    let left = MOST_SHRINKING_RUNS;
    for (let size = best.length >> 1; size > 0; size >>= 1) {
      for (let at = 0; at < best.length && left > 0; left--) {
        const shorter = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
        if (await this.#isFault(shorter)) best = shorter;
        else at += size;
      }
    }
    return best;
  }

  async #isFault(input: Buffer): Promise<boolean> {
    try {
      await this.#run(input);
      return false;
    } catch {
      return true;
    }
  }
}
