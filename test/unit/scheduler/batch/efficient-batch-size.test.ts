import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EfficientBatchSize } from '../../../../src/scheduler/batch/efficient-batch-size.ts';
import { EFFICIENT_SIZE_FIRST_PAUSE_MS, EFFICIENT_SIZE_RUNS } from '../../../../src/scheduler/tuning.ts';

const MIB = 2 ** 20;

interface Model {
  /** How long a run of so many rows takes. */
  readonly runMs: (rows: number) => number;
  /** What the process has grown by after it. */
  readonly bytes?: (rows: number) => number;
}

/** A model that always has more rows than a run takes, unless `waiting` says how many. */
class Crowd {
  readonly sizes: number[] = [];
  readonly #model: Model;
  readonly #size: EfficientBatchSize;
  #resident = 500 * MIB;
  now = 0;
  waiting = Infinity;
  /** What else the process has grown by. */
  others = 0;
  /** …while a run runs. */
  othersInRun = 0;

  constructor(model: Model, maxRows = 64, isLarge = true) {
    this.#model = model;
    this.#size = new EfficientBatchSize({
      maxRows,
      isLarge,
      maxBytes: 128 * MIB,
      readResident: () => this.#resident + this.others,
    });
  }

  run(times: number, threads = 1): void {
    for (let i = 0; i < times; i++) {
      const rows = Math.min(this.waiting, this.#size.rowsOf(threads, true));
      const runMs = this.#model.runMs(rows);
      this.#size.onStart(rows);
      this.now += runMs;
      this.others += this.othersInRun;
      this.#resident = Math.max(this.#resident, 500 * MIB + (this.#model.bytes?.(rows) ?? 0));
      this.sizes.push(rows);
      this.#size.onRun(threads, rows, runMs, this.now);
    }
  }

  get last(): number {
    return this.sizes.at(-1)!;
  }
}

describe('the size of batches that is worth it', () => {
  it('is the largest where each doubling makes a row cheaper', () => {
    const crowd = new Crowd({ runMs: (rows) => 40 + 5 * rows });
    crowd.run(7 * EFFICIENT_SIZE_RUNS);
    assert.deepEqual([...new Set(crowd.sizes)], [1, 2, 4, 8, 16, 32, 64]);
  });

  it('is one row where rows cost the same in any company', () => {
    const crowd = new Crowd({ runMs: (rows) => 100 * rows });
    crowd.run(20);
    assert.equal(crowd.last, 1);
    assert.equal(crowd.sizes.filter((rows) => rows === 2).length, EFFICIENT_SIZE_RUNS);
    assert.equal(Math.max(...crowd.sizes), 2);
  });

  it('is where the cost of a row stops falling', () => {
    const crowd = new Crowd({ runMs: (rows) => 25 * Math.max(4, rows) });
    crowd.run(40);
    assert.equal(crowd.last, 4);
  });

  it('is any size while runs are short', () => {
    const crowd = new Crowd({ runMs: (rows) => 0.1 * rows });
    crowd.run(7 * EFFICIENT_SIZE_RUNS);
    assert.equal(crowd.last, 64);
  });

  it('is tried again after a pause, which doubles', () => {
    let isSlow = true;
    const crowd = new Crowd({ runMs: (rows) => (isSlow ? 100 * rows : 100 + rows) });
    crowd.run(2 * EFFICIENT_SIZE_RUNS);
    crowd.now += EFFICIENT_SIZE_FIRST_PAUSE_MS;
    crowd.run(2 * EFFICIENT_SIZE_RUNS);
    assert.equal(crowd.sizes.filter((rows) => rows === 2).length, 2 * EFFICIENT_SIZE_RUNS);
    isSlow = false;
    crowd.now += EFFICIENT_SIZE_FIRST_PAUSE_MS;
    crowd.run(1);
    assert.equal(crowd.last, 1, 'the second pause is longer');
    crowd.now += EFFICIENT_SIZE_FIRST_PAUSE_MS;
    crowd.run(20);
    assert.equal(crowd.last, 64);
  });

  it('is another one for runs of more threads', () => {
    const crowd = new Crowd({ runMs: (rows) => 100 * rows });
    crowd.run(4 * EFFICIENT_SIZE_RUNS);
    const fast = new Crowd({ runMs: (rows) => 50 + rows });
    fast.run(4 * EFFICIENT_SIZE_RUNS, 2);
    assert.deepEqual([crowd.last, fast.last], [1, 8]);
  });

  it('ends at a maximum that is no power of two', () => {
    const crowd = new Crowd({ runMs: () => 50 }, 12);
    crowd.run(20);
    assert.equal(crowd.last, 12);
  });

  it('has rows whose memory fits, as far as the growth with one of them tells', () => {
    const cheaper = (rows: number): number => 400 + rows;
    const large = new Crowd({ runMs: cheaper, bytes: (rows) => 600 * MIB * rows });
    large.run(20);
    assert.equal(Math.max(...large.sizes), 1);
    const small = new Crowd({ runMs: cheaper, bytes: (rows) => 10 * MIB * rows });
    small.run(20);
    assert.equal(Math.max(...small.sizes), 8);
  });

  it('does not count what the process grows by between its runs', () => {
    const crowd = new Crowd({ runMs: (rows) => 400 + rows, bytes: (rows) => MIB * rows });
    crowd.others = 4000 * MIB;
    crowd.run(20);
    assert.equal(crowd.last, 64);
  });

  it('does not count what the process gives back after the first run', () => {
    const crowd = new Crowd({ runMs: (rows) => 400 + rows, bytes: (rows) => MIB * rows });
    crowd.othersInRun = 1000 * MIB;
    crowd.run(1);
    crowd.othersInRun = 0;
    crowd.run(10);
    assert.equal(crowd.last, 1);
    crowd.others = 0;
    crowd.now += EFFICIENT_SIZE_FIRST_PAUSE_MS;
    crowd.run(20);
    assert.equal(crowd.last, 64);
  });

  it('knows the memory of each larger run by that run', () => {
    // The first row takes nothing that is not there already.
    const crowd = new Crowd({ runMs: (rows) => 400 + rows, bytes: (rows) => (rows === 1 ? 0 : 20 * MIB * rows) });
    crowd.run(20);
    assert.equal(Math.max(...crowd.sizes), 4);
  });

  it('gives up a size for which never enough rows wait', () => {
    let isLate = false;
    const crowd = new Crowd({ runMs: (rows) => (isLate ? 100 * rows * rows : 100 + rows) });
    crowd.waiting = 4;
    crowd.run(10);
    assert.equal(crowd.last, 4);
    isLate = true;
    // Eight rows are given up, and two and one are tried.
    crowd.run(100);
    assert.equal(crowd.last, 1);
  });
});
