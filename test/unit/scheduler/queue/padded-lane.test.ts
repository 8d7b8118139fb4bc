import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PaddedLane } from '../../../../src/scheduler/queue/padded-lane.ts';
import { SignaturePlan } from '../../../../src/scheduler/signature-plan.ts';
import type { Task } from '../../../../src/scheduler/task.ts';
import { PADDED_SIGNATURE, sequences } from '../../../support/length-models.ts';
import { looseTask } from '../../../support/loose-task.ts';

const OPTIONS = { maxBatchSize: 8, batchTimeoutMicros: 0, maxEnqueuedBatches: 10, allowedBatchSizes: [] };

/** A run takes 20 ms, and 1 ms for each element; nothing varies. */
function newLane(): PaddedLane {
  const plan = new SignaturePlan('s', PADDED_SIGNATURE, OPTIONS);
  for (let elements = 1; elements <= 4096; elements *= 2) plan.curve.seed(1, elements, 1, 20 + elements);
  return new PaddedLane('key', plan, ['pooled']);
}

interface Init {
  readonly rows?: number;
  readonly at?: number;
  /** Default: it has no deadline. */
  readonly due?: number;
}

function task(length: number, { rows = 1, at = 0, due }: Init = {}): Task {
  const inputs = sequences(Array.from({ length: rows }, () => new Array<number>(length).fill(1)));
  const times = due === undefined ? { isSoft: true, due: at + 1000 } : { due };
  return looseTask(rows, at, inputs, times);
}

function push(lane: PaddedLane, ...tasks: readonly Task[]): readonly Task[] {
  for (const each of tasks) lane.push(each);
  return tasks;
}

const lengths = (tasks: readonly Task[]): number[] => tasks.map(({ length }) => length);

describe('A PaddedLane', () => {
  it('knows how long the first rows are, and takes rows that have not come for as long as usual', () => {
    const lane = newLane();
    const { curve } = lane.plan;
    assert.equal(lane.latency.meanMs(4), curve.meanMs(4));
    const [short, , long] = push(lane, task(4), task(8, { rows: 2 }), task(64)) as [Task, Task, Task];
    assert.equal(lane.latency.meanMs(1), curve.meanMs(1, 4));
    assert.equal(lane.latency.meanMs(2), curve.meanMs(2, 8));
    assert.equal(lane.latency.meanMs(3), curve.meanMs(3, 8));
    assert.equal(lane.latency.highMs(4), curve.highMs(4, 64));
    assert.equal(lane.latency.meanMs(8), curve.meanMs(8, 64));
    lane.remove(long);
    assert.equal(lane.latency.meanMs(8), curve.meanMs(8, 8));
    lane.remove(short);
    assert.equal(lane.latency.meanMs(1), curve.meanMs(1, 8));
  });

  it('counts with the rows of the group of the head first', () => {
    const lane = newLane();
    push(lane, task(8), task(200), task(9));
    const { curve } = lane.plan;
    assert.equal(lane.latency.meanMs(2), curve.meanMs(2, 9));
    assert.equal(lane.latency.meanMs(3), curve.meanMs(3, 200));
  });

  it('knows how many of the first rows fit into a time', () => {
    const lane = newLane();
    push(lane, task(4), task(4), task(4), task(256), task(4));
    const { latency } = lane;
    assert.equal(latency.rowsWithin(latency.highMs(3), 5), 3);
    assert.equal(latency.rowsWithin(latency.highMs(5) - 1, 5), 4);
    assert.equal(latency.rowsWithin(latency.highMs(5), 5), 5);
    assert.equal(latency.rowsWithin(1, 5), 0);
  });

  it('knows how long a request takes by itself', () => {
    const lane = newLane();
    push(lane, task(4));
    lane.expect(64, 1024);
    assert.equal(lane.own.meanMs(2), lane.plan.curve.meanMs(2, 64));
    assert.equal(lane.own.rowsWithin(lane.own.highMs(3), 8), 3);
    assert.equal(lane.rowBytes, 1024);
  });

  it('counts the bytes of each task', () => {
    const lane = newLane();
    const [short, long] = push(lane, task(4), task(16, { rows: 2 })) as [Task, Task];
    assert.equal(lane.bytesOf(short), 2 * 4 * 8);
    assert.equal(lane.bytesOf(long), 2 * 2 * 16 * 8);
  });

  it('gives a run the tasks that are like the head, in their order', () => {
    const lane = newLane();
    push(lane, task(8), task(200), task(9), task(220), task(8));
    const chosen = lane.choose(lane.candidates('oldest'), 5);
    assert.deepEqual(lengths(chosen), [8, 9, 8]);
    for (const each of chosen) lane.remove(each);
    assert.deepEqual(lengths(lane.choose(lane.candidates('oldest'), 2)), [200, 220]);
  });

  it('looks beyond one full batch for them', () => {
    const lane = newLane();
    push(lane, ...Array.from({ length: 16 }, (_, i) => task(i % 2 === 0 ? 8 : 200)));
    const chosen = lane.choose(lane.candidates('oldest'), 8);
    assert.deepEqual(lengths(chosen), new Array(8).fill(8));
  });

  it('looks at its lengths again only where another task may be among those for the next run', () => {
    const lane = newLane();
    const { curve } = lane.plan;
    let looks = 0;
    const costs = curve.costs.bind(curve);
    curve.costs = () => {
      looks += 1;
      return costs();
    };
    const looksFor = (change: () => void): number => {
      change();
      looks = 0;
      lane.latency.highMs(8);
      return looks;
    };
    const [first] = push(lane, ...Array.from({ length: 16 }, (_, i) => task(8, { at: i }))) as [Task];
    assert.equal(
      looksFor(() => undefined),
      1,
    );
    assert.equal(
      looksFor(() => push(lane, task(64, { at: 20 }))),
      0,
    );
    assert.equal(
      looksFor(() => push(lane, task(32, { at: 20, due: 3 }))),
      1,
    );
    assert.equal(
      looksFor(() => lane.remove(first)),
      1,
    );
  });

  it('gives it no more rows than the policy has allowed', () => {
    const lane = newLane();
    push(lane, task(100), task(100), task(100), task(90));
    assert.deepEqual(lengths(lane.choose(lane.candidates('oldest'), 2)), [100, 100]);
    assert.deepEqual(lengths(lane.choose(lane.candidates('oldest'), 1)), [100]);
  });

  it('lets no run be larger than a full batch, and takes the head whatever its size', () => {
    const lane = newLane();
    push(lane, task(8, { rows: 8 }), task(8));
    assert.deepEqual(lengths(lane.choose(lane.candidates('oldest'), 8)), [8]);
    assert.deepEqual(lengths(lane.choose(lane.candidates('oldest'), 1)), [8]);
  });

  it('has the newest first where they are wanted so', () => {
    const lane = newLane();
    push(lane, task(8, { at: 1 }), task(9, { at: 2 }), task(200, { at: 3 }));
    assert.deepEqual(lengths(lane.candidates('newest')), [200, 9, 8]);
    assert.deepEqual(lengths(lane.choose(lane.candidates('newest'), 3)), [200]);
  });

  it('has all in order also where some overtake', () => {
    const lane = newLane();
    push(lane, task(1, { due: 50 }), task(2, { due: 10 }), task(3, { due: 60 }), task(4, { due: 20 }));
    assert.deepEqual(lengths(lane.candidates('oldest')), [2, 4, 1, 3]);
    assert.deepEqual(lengths([...lane.inOrder()]), [2, 4, 1, 3]);
    assert.equal(lane.head?.length, 2);
  });
});
