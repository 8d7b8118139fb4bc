import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import type { TensorMap } from '../../../../src/core/tensor.ts';
import { numericTensor } from '../../../../src/core/tensor.ts';
import { PATIENCE_MS } from '../../../../src/features/row-proofs/audit/idle-moments.ts';
import { MOST_BYTES, MOST_ROWS } from '../../../../src/features/row-proofs/audit/version-audit.ts';
import { matrix, type Rows } from '../../../support/row-models.ts';
import { AuditHarness, doubled, ofRows, rowsFrom } from './audit-harness.ts';

/** Rows get what the row before them asked for. */
const swapped = ofRows((x: Rows) => x.map((_, i) => doubled(x.at(i - 1)!)));

describe('the audits of a version', () => {
  it('ask the rows of about the 16th, the 48th and the 112th shared run again, alone', async () => {
    const h = new AuditHarness();
    const counts: number[] = [];
    for (let i = 1; i <= 250; i++) {
      await h.run(rowsFrom(i, 4), 4);
      const before = h.asked.length;
      await h.settle(40);
      if (h.asked.length > before) counts.push(i);
    }
    assert.deepEqual(counts, [16, 48, 112, 240]);
    assert.deepEqual(h.results, new Array(4).fill('same'));
    assert.deepEqual(
      h.asked.map(({ size }) => size),
      new Array(16).fill(1),
    );
    assert.deepEqual(h.errors, []);
    assert.equal(h.clock.armed, 0);
  });

  it('ask nothing of runs of one request, of other signatures, and before the version is served', async () => {
    const h = new AuditHarness();
    for (let i = 0; i < 100; i++) await h.run(rowsFrom(i, 4), 4, [{ rows: 4, unpadded: undefined }], false);
    for (let i = 0; i < 100; i++) await h.executor.run({ ...h.batchOf(rowsFrom(i, 4), 4), signatureName: 'other' });
    await h.settle();
    assert.deepEqual([h.asked.length, h.results], [0, []]);
  });

  it('do not keep runs from the host’s memory, or their answers from callers', async () => {
    const h = new AuditHarness();
    for (let i = 0; i < 20; i++) {
      const { outputs } = await h.run(rowsFrom(1, 2), 2);
      // A caller may hand the memory on.
      for (const { data } of outputs.values()) (data as Uint8Array).fill(0xdd);
    }
    await h.settle();
    assert.deepEqual(h.results, ['same']);
  });

  it('find rows that get each other’s answers, and end there', async () => {
    const h = new AuditHarness({ model: swapped });
    assert.equal(await h.audited(), 'different');
    const [{ fault, suspect }] = h.refuted as [(typeof h.refuted)[0]];
    assert.deepEqual([fault, suspect.output, suspect.size], ['rows', 'y', 4]);
    assert.deepEqual([suspect.shapes, suspect.companion], ['x [1,4]', 'x [1,4]']);
    assert.ok(suspect.share > 0.1);
    await h.shareRuns(2000);
    assert.deepEqual(h.results, ['different']);
  });

  it('go on where the one who is told wants that', async () => {
    const h = new AuditHarness({ model: swapped, refute: () => true });
    assert.equal(await h.audited(), 'different');
    assert.equal(await h.audited(), 'different');
  });

  it('ask at most 16 rows of a run, and all of them once more in halves', async () => {
    const h = new AuditHarness();
    assert.equal(await h.audited(() => [rowsFrom(1, 65), 65]), 'same');
    const sizes = h.asked.map(({ size }) => size);
    assert.deepEqual(sizes, [...new Array(MOST_ROWS).fill(1), 33, 32]);
  });

  it('find one wrong row among many, at whatever place', async () => {
    for (let place = 0; place < 200; place += 23) {
      const model = ofRows((x) => x.map((row, i) => (i === place ? [99, 99, 99, 99] : doubled(row))));
      const h = new AuditHarness({ model });
      assert.equal(await h.audited(() => [rowsFrom(place, 200), 200]), 'different', `place ${place}`);
    }
  });

  it('make no run while requests wait or run, and are given up after some seconds', async () => {
    for (const busy of ['queuedTasks', 'runningBatches', 'server'] as const) {
      const h = new AuditHarness();
      if (busy === 'server') h.isServerBusy = true;
      else h.load[busy] = 1;
      await h.shareRuns(20);
      await h.settle(PATIENCE_MS - 100);
      assert.deepEqual(h.results, []);
      await h.settle(200);
      assert.deepEqual(h.results, ['given_up']);
      assert.equal(h.asked.length, 0);
      // The next one is due as if it had been made.
      h.isServerBusy = false;
      Object.assign(h.load, { queuedTasks: 0, runningBatches: 0 });
      assert.equal(await h.audited(), 'same');
    }
  });

  it('wait for an idle moment between two rows', async () => {
    const h = new AuditHarness();
    await h.shareRuns(16);
    while (h.asked.length < 2) await h.settle(1);
    h.load.queuedTasks = 3;
    await h.settle(500);
    assert.equal(h.asked.length, 2);
    h.load.queuedTasks = 0;
    await h.settle(500);
    assert.deepEqual([h.asked.length, h.results], [4, ['same']]);
  });

  it('have one copy at most', async () => {
    const h = new AuditHarness();
    h.load.queuedTasks = 1;
    await h.shareRuns(1000);
    h.load.queuedTasks = 0;
    await h.settle();
    assert.equal(h.asked.length, 4);
  });

  it('take less than 0.4 % of one core, whatever runs take', async () => {
    for (const [runMs, threads] of [
      [0.05, 1],
      [30, 1],
      [30, 4],
    ] as const) {
      const h = new AuditHarness({ runMs, threads });
      h.budget.spend(h.budget.leftMs);
      const startedAt = h.clock.nowMs();
      // Busy half of the time.
      for (let i = 0; i < 3000; i++) {
        await h.run(rowsFrom(i, 8), 8);
        await h.settle(3);
        h.clock.advance(runMs);
      }
      const spentMs = h.asked.length * runMs * threads;
      const share = spentMs / (h.clock.nowMs() - startedAt);
      assert.ok(h.asked.length > 0 && share < 0.004, `${h.asked.length} runs of ${runMs} ms took ${share}`);
    }
  });

  it('ask fewer rows where each takes long', async () => {
    const h = new AuditHarness({ runMs: 700 });
    // 15 minutes earn 3.6 s.
    assert.equal(await h.audited(() => [rowsFrom(1, 8), 8]), 'same');
    // Two runs of half of the rows, and three rows alone.
    assert.deepEqual(
      h.asked.map(({ size }) => size),
      [1, 1, 1, 4, 4],
    );
  });

  it('leave out runs of many bytes, and take a smaller one soon', async () => {
    const answer = matrix([[1], [2]], 'float32');
    const h = new AuditHarness({ model: () => new Map([['y', answer]]) });
    const inputsOf = (floats: number): TensorMap =>
      new Map([['x', numericTensor('float32', [2, floats / 2], new Float32Array(floats))]]);
    // Its inputs alone are too large, then its inputs and outputs together.
    for (const floats of [MOST_BYTES / 4 + 2, MOST_BYTES / 4]) {
      for (let i = 0; i < 16; i++) await h.run(inputsOf(floats), 2);
      await h.settle();
      assert.deepEqual([h.asked.length, h.results], [0, []]);
    }
    h.model = ofRows((x) => x.map(doubled));
    await h.shareRuns(16);
    await h.settle();
    assert.deepEqual(h.results, ['same']);
  });

  it('ask nothing of a run that failed, and pass its error on', async () => {
    const h = new AuditHarness();
    const model = h.model;
    await h.shareRuns(15);
    h.model = () => Promise.reject(new ServingError('backend_failed', 'it threw'));
    await assert.rejects(h.run(rowsFrom(1, 4), 4), { message: 'it threw' });
    h.model = model;
    await h.settle();
    assert.deepEqual([h.asked.length, h.results], [0, []]);
    assert.equal(await h.audited(), 'same');
  });

  it('count a row that the model refuses, and raise no alarm', async () => {
    const refusal = new ServingError('invalid_request', 'it takes two rows or more');
    const h = new AuditHarness({
      model: (inputs, batch) => {
        if (batch.size === 1) throw refusal;
        return swapped(inputs, batch);
      },
    });
    assert.equal(await h.audited(), 'failed');
    assert.deepEqual([h.refuted, h.errors], [[], []]);
  });

  it('tell of an error that is nobody’s refusal', async () => {
    const bug = new TypeError('a bug');
    const h = new AuditHarness();
    h.model = ofRows((x, { origin }) => {
      if (origin === undefined) throw bug;
      return x.map(doubled);
    });
    assert.equal(await h.audited(), 'failed');
    assert.deepEqual(h.errors, [bug]);
  });

  it('stop at once when the version ends, also while one waits', async () => {
    const h = new AuditHarness();
    await h.shareRuns(16);
    while (h.asked.length < 2) await h.settle(1);
    h.load.queuedTasks = 1;
    await h.settle(20);
    h.audit.end();
    h.audit.end();
    h.load.queuedTasks = 0;
    await h.settle();
    assert.deepEqual([h.asked.length, h.results, h.clock.armed], [2, [], 0]);
    await h.shareRuns(100);
    await h.settle();
    assert.equal(h.asked.length, 2);
  });

  it('say nothing of a run that the end of the version has failed', async () => {
    const h = new AuditHarness();
    const model = h.model;
    await h.shareRuns(16);
    h.model = async (inputs, batch) => {
      if (batch.origin !== undefined) return model(inputs, batch);
      h.audit.end();
      throw new ServingError('backend_failed', 'the model has been unloaded');
    };
    await h.settle();
    assert.deepEqual([h.results, h.errors], [[], []]);
  });

  it('are the same on the event loop’s thread', async () => {
    const h = new AuditHarness({ isInline: true, model: swapped });
    assert.equal(await h.audited(), 'different');
    assert.equal(h.executor.isInline, true);
  });

  it('follow what is served: none of a signature that shares no runs', async () => {
    const h = new AuditHarness({ model: swapped });
    h.audit.update(new Map([['s', { ...h.signature, batchAxis: { kind: 'none' } }]]));
    await h.shareRuns(100);
    await h.settle();
    assert.equal(h.asked.length, 0);
    h.audit.update(new Map([['s', h.signature]]));
    assert.equal(await h.audited(), 'different');
  });
});
