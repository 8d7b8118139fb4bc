import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  EfficientBatchSize,
  type EfficientBatchSizeOptions,
} from '../../../../src/scheduler/batch/efficient-batch-size.ts';
import {
  EFFICIENT_SIZE_FIRST_PAUSE_MS,
  EFFICIENT_SIZE_PAIRS,
  EFFICIENT_SIZE_SHORT_RUNS,
} from '../../../../src/scheduler/tuning.ts';

const MIB = 2 ** 20;

interface Model {
  /** How long a run of so many rows takes while so many others run beside it. */
  readonly runMs: (rows: number, beside: number) => number;
  /** What the process has grown by after it. */
  readonly bytes?: (rows: number) => number;
}

/** Runs until two sizes were compared: in turn one of each. */
const COMPARED = 2 * EFFICIENT_SIZE_PAIRS;

/** A row of 8 costs least. */
const dearerTogether = (rows: number): number => 5 + 3 * rows ** 1.2;

/** A model that always has more rows than a run takes, unless `waiting` says how many. */
class Crowd {
  readonly sizes: number[] = [];
  readonly #model: Model;
  readonly size: EfficientBatchSize;
  #resident = 500 * MIB;
  now = 0;
  waiting = Infinity;
  /** The rows of one request. */
  rowsOfOne = 1;
  mayTry = true;
  /** How many others run beside a run of so many rows. */
  beside = (_rows: number): number => 0;
  /** What else the process has grown by. */
  others = 0;
  /** …while a run runs. */
  othersInRun = 0;

  constructor(
    model: Model,
    maxRows = 64,
    isLarge = true,
    allowed: readonly number[] = [],
    more: Partial<EfficientBatchSizeOptions> = {},
  ) {
    this.#model = model;
    this.size = new EfficientBatchSize({
      maxRows,
      allowed,
      isLarge,
      maxBytes: 128 * MIB,
      readResident: () => this.#resident + this.others,
      ...more,
    });
  }

  run(times: number, threads = 1): void {
    for (let i = 0; i < times; i++) {
      const tried = this.mayTry ? this.size.rowsToTry(threads, this.waiting, this.now) : 0;
      const most = Math.min(this.waiting, tried > 0 ? tried : this.size.rowsOf(threads));
      const rows = Math.max(this.rowsOfOne, most - (most % this.rowsOfOne));
      const beside = this.beside(rows);
      const runMs = this.#model.runMs(rows, beside);
      const level = this.size.onStart(threads, rows, this.waiting > rows ? this.rowsOfOne : 0);
      this.now += runMs;
      this.others += this.othersInRun;
      this.#resident = Math.max(this.#resident, 500 * MIB + (this.#model.bytes?.(rows) ?? 0));
      this.sizes.push(rows);
      this.size.onRun({ threads, size: rows, level, beside, runMs }, this.now);
    }
  }

  /** The most rows of a run that are worth it. */
  get most(): number {
    return this.mostOf(1);
  }

  mostOf(threads: number): number {
    return this.size.rowsOf(threads);
  }

  get last(): number {
    return this.sizes.at(-1)!;
  }
}

describe('the size of batches that is worth it', () => {
  it('is one of the allowed sizes, and no other is tried', () => {
    for (const isLarge of [false, true]) {
      const crowd = new Crowd({ runMs: (rows) => 20 + rows }, 64, isLarge, [4, 16, 64]);
      crowd.run(3 * COMPARED);
      assert.equal(crowd.most, 64);
      assert.deepEqual(
        crowd.sizes.filter((size) => ![4, 16, 64].includes(size)),
        [],
      );
    }
    const alone = new Crowd({ runMs: dearerTogether }, 64, false, [4, 16, 64]);
    alone.run(3 * COMPARED);
    assert.equal(alone.most, 4);
  });

  it('is the largest where each doubling makes a row cheaper', () => {
    const crowd = new Crowd({ runMs: (rows) => 40 + 5 * rows });
    crowd.run(7 * COMPARED);
    assert.deepEqual([...new Set(crowd.sizes)], [1, 2, 4, 8, 16, 32, 64]);
    assert.equal(crowd.most, 64);
  });

  it('is one row where rows cost the same in any company', () => {
    const crowd = new Crowd({ runMs: (rows) => 100 * rows });
    crowd.run(COMPARED + 20);
    assert.equal(crowd.most, 1);
    assert.equal(crowd.sizes.filter((rows) => rows === 2).length, EFFICIENT_SIZE_PAIRS);
    assert.equal(Math.max(...crowd.sizes), 2);
  });

  it('is where the cost of a row stops falling', () => {
    const crowd = new Crowd({ runMs: (rows) => 25 * Math.max(4, rows) });
    crowd.run(5 * COMPARED);
    assert.equal(crowd.most, 4);
  });

  it('is any size while runs are short', () => {
    const crowd = new Crowd({ runMs: (rows) => 0.1 * rows });
    crowd.run(2 * 6 * EFFICIENT_SIZE_SHORT_RUNS + 1);
    assert.equal(crowd.last, 64);
  });

  it('is judged though runs are short, where their rows are many bytes', () => {
    const inCrowd = (runMs: Model['runMs']): Crowd => {
      const crowd = new Crowd({ runMs }, 64, true, [], { mostUnjudged: 3.5 });
      crowd.run(6 * COMPARED);
      return crowd;
    };
    assert.equal(inCrowd((rows) => 0.1 * rows).most, 2, '4 rows are more, and as dear');
    assert.equal(inCrowd((rows) => 1 + 0.1 * rows).most, 64);
  });

  it('is not tried where it may not be', () => {
    let isInline = true;
    const crowd = new Crowd({ runMs: (rows) => 20 + rows }, 64, true, [], { mayTry: (rows) => rows <= 4 || !isInline });
    crowd.run(6 * COMPARED);
    assert.deepEqual([crowd.most, Math.max(...crowd.sizes)], [4, 4]);
    isInline = false;
    crowd.now += EFFICIENT_SIZE_FIRST_PAUSE_MS;
    crowd.run(6 * COMPARED);
    assert.equal(crowd.most, 64);
  });

  it('is all that waits where rows are small, unless a row is cheaper in half of it', () => {
    const same = new Crowd({ runMs: (rows) => 10 * rows }, 32, false);
    same.run(4 * COMPARED);
    assert.equal(same.most, 32);
    const dearer = new Crowd({ runMs: (rows) => 10 * rows * (rows > 8 ? 1.1 : 1) }, 32, false);
    dearer.run(COMPARED);
    assert.equal(dearer.most, 32, '16 rows cost as much as 32');
    const falling = new Crowd({ runMs: dearerTogether }, 32, false);
    falling.run(COMPARED + 1);
    assert.equal(falling.most, 16, 'one level at a time');
    falling.run(COMPARED);
    assert.equal(falling.most, 8);
  });

  it('is tried again after a pause, which doubles', () => {
    let isSlow = true;
    const crowd = new Crowd({ runMs: (rows) => (isSlow ? 100 * rows : 100 + rows) });
    crowd.run(COMPARED + 1);
    crowd.now += EFFICIENT_SIZE_FIRST_PAUSE_MS;
    crowd.run(COMPARED);
    assert.equal(crowd.sizes.filter((rows) => rows === 2).length, 2 * EFFICIENT_SIZE_PAIRS);
    isSlow = false;
    crowd.now += EFFICIENT_SIZE_FIRST_PAUSE_MS;
    crowd.run(2);
    assert.equal(crowd.last, 1, 'the second pause is longer');
    crowd.now += EFFICIENT_SIZE_FIRST_PAUSE_MS;
    crowd.run(7 * COMPARED);
    assert.equal(crowd.most, 64);
  });

  it('is another one for runs of more threads', () => {
    const crowd = new Crowd({ runMs: (rows) => 100 * rows });
    crowd.run(2 * COMPARED);
    const fast = new Crowd({ runMs: (rows) => 50 + rows });
    fast.run(3 * COMPARED + 1, 2);
    assert.deepEqual([crowd.mostOf(1), fast.mostOf(1), fast.mostOf(2)], [1, 1, 8]);
  });

  it('ends at a maximum that is no power of two', () => {
    const crowd = new Crowd({ runMs: () => 50 }, 12);
    crowd.run(5 * COMPARED);
    assert.equal(crowd.most, 12);
  });

  it('has rows whose memory fits, as far as the growth with one of them tells', () => {
    const cheaper = (rows: number): number => 400 + rows;
    const large = new Crowd({ runMs: cheaper, bytes: (rows) => 600 * MIB * rows });
    large.run(20);
    assert.equal(Math.max(...large.sizes), 1);
    const small = new Crowd({ runMs: cheaper, bytes: (rows) => 10 * MIB * rows });
    small.run(5 * COMPARED);
    assert.equal(Math.max(...small.sizes), 8);
  });

  it('does not count what the process grows by between its runs', () => {
    const crowd = new Crowd({ runMs: (rows) => 400 + rows, bytes: (rows) => MIB * rows });
    crowd.others = 4000 * MIB;
    crowd.run(7 * COMPARED);
    assert.equal(crowd.most, 64);
  });

  it('does not count what the process gives back after the first run', () => {
    const crowd = new Crowd({ runMs: (rows) => 400 + rows, bytes: (rows) => MIB * rows });
    crowd.othersInRun = 1000 * MIB;
    crowd.run(1);
    crowd.othersInRun = 0;
    crowd.run(10);
    assert.equal(crowd.last, 1);
    crowd.others = 0;
    crowd.run(7 * COMPARED);
    assert.equal(crowd.most, 64);
  });

  it('knows the memory of each larger run by that run', () => {
    // The first row takes nothing that is not there already.
    const crowd = new Crowd({ runMs: (rows) => 400 + rows, bytes: (rows) => (rows === 1 ? 0 : 20 * MIB * rows) });
    crowd.run(4 * COMPARED);
    assert.equal(Math.max(...crowd.sizes), 4);
  });

  it('gives up a size for which never enough rows wait', () => {
    let isLate = false;
    const crowd = new Crowd({ runMs: (rows) => (isLate ? 100 * rows * rows : 100 + rows) });
    crowd.waiting = 4;
    crowd.run(3 * COMPARED);
    assert.equal(crowd.last, 4);
    isLate = true;
    // Eight rows never wait, and two and one are tried.
    crowd.run(4 * COMPARED);
    assert.equal(crowd.most, 1);
  });

  it('compares runs beside equally many others only', () => {
    // Two at once take twice as long each. 16 rows are cheaper beside an idle slot than 32 rows beside a busy one.
    const crowd = new Crowd({ runMs: (rows, beside) => (6.5 + 0.24 * rows) * (1 + beside) }, 32, false);
    crowd.beside = (rows) => (rows === 32 ? 1 : 0);
    crowd.run(4 * COMPARED);
    assert.equal(crowd.most, 32);
  });

  it('counts what was measured at load', () => {
    const crowd = new Crowd({ runMs: dearerTogether }, 32, false);
    for (const rows of [16, 32]) for (let i = 0; i < 3; i++) crowd.size.seed(1, rows, dearerTogether(rows), 0);
    crowd.run(COMPARED - 2 * 3 - 1);
    assert.equal(crowd.most, 32);
    crowd.run(1);
    assert.equal(crowd.most, 16);
  });

  it('compares what fits of requests with several rows', () => {
    const crowd = new Crowd({ runMs: (rows) => 5 + rows ** 2 }, 16, false);
    crowd.rowsOfOne = 5;
    crowd.run(COMPARED + 1);
    assert.deepEqual([...new Set(crowd.sizes)], [15, 5]);
    assert.equal(crowd.most, 8);
  });

  it('learns nothing from runs that more would have fit into', () => {
    const crowd = new Crowd({ runMs: (rows) => (rows === 32 ? 100 : rows) }, 32, false);
    for (let i = 0; i < 4 * COMPARED; i++) {
      crowd.waiting = i % 2 === 0 ? 32 : 20;
      crowd.mayTry = false;
      crowd.run(1);
    }
    assert.equal(crowd.most, 32);
  });
});
