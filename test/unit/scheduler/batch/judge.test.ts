import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import { numericTensor } from '../../../../src/core/tensor.ts';
import {
  floats,
  type HarnessOptions,
  SchedulerHarness,
  type Submitted,
  settle,
  taskContext,
} from '../../../support/scheduler-harness.ts';

const BAD = 1000;
const TEXT = 'idx is out of range';

/** A server whose runtime cannot take BAD. */
class Server {
  readonly h: SchedulerHarness;
  isBroken = false;
  text = TEXT;

  constructor(options: HarnessOptions = {}) {
    this.h = new SchedulerHarness({ maxBatchSize: 8, ...options });
  }

  send(values: readonly number[], caller = 'eve'): Submitted {
    return this.h.submitRows(values, taskContext(this.h.clock, { caller }));
  }

  /** Lets all that waits run; returns the rows of each run. */
  async drain(): Promise<number[][]> {
    const runs: number[][] = [];
    this.h.turn();
    for (let { active } = this.h.executor; active.length > 0; { active } = this.h.executor) {
      for (const run of active) {
        const values = floats(run.batch.inputs.get('x'));
        runs.push(values);
        if (this.isBroken || values.includes(BAD)) run.fail(new ServingError('backend_failed', this.text));
        else run.complete();
      }
      await settle();
    }
    return runs;
  }
}

describe('A request that fails alone', () => {
  it('is refused for its values, in the runtime’s words, where a known good request is answered', async () => {
    const server = new Server();
    const good = server.send([1, 2]);
    await server.drain();
    server.h.clock.advance(1000);
    const bad = server.send([BAD]);
    assert.deepEqual(await server.drain(), [[BAD], [1, 2]]);
    const error = await bad.error();
    assert.equal(error.kind, 'invalid_request');
    assert.ok(error.message.endsWith(TEXT));
    assert.deepEqual(await good.values(), [1, 2], 'its own rows were not touched');
  });

  it('is tried with zeros where nothing has been answered yet', async () => {
    const server = new Server();
    const bad = server.send([BAD]);
    assert.deepEqual(await server.drain(), [[BAD], [0]]);
    assert.equal((await bad.error()).kind, 'invalid_request');
  });

  it('is not tried with zeros on another server', async () => {
    const server = new Server();
    Object.assign(server.h.executor, { isElsewhere: true });
    const bad = server.send([BAD]);
    assert.deepEqual(await server.drain(), [[BAD]]);
    assert.equal((await bad.error()).kind, 'backend_failed');
  });

  it('is the runtime’s fault where a known good request fails too; the next answer is kept instead', async () => {
    const server = new Server();
    server.send([1]);
    await server.drain();
    server.h.clock.advance(1000);
    server.isBroken = true;
    const failed = server.send([2]);
    await server.drain();
    const error = await failed.error();
    assert.equal(error.kind, 'backend_failed');
    assert.equal(error.message, TEXT);
    server.isBroken = false;
    server.send([3]);
    await server.drain();
    server.h.clock.advance(1000);
    server.send([BAD], 'bob');
    assert.deepEqual(await server.drain(), [[BAD], [3]]);
  });

  it('fails with its own error where the runtime has no memory for it, and for an error that is ours', async () => {
    const server = new Server();
    for (const text of ['Failed to allocate memory for requested buffer', 'std::bad_alloc', 'CUDA out of memory']) {
      server.text = text;
      const error = await Promise.all([server.send([BAD]).error(), server.drain()]);
      assert.equal(error[0].kind, 'backend_failed');
    }
    const ours = server.send([BAD]);
    server.h.turn();
    server.h.executor.active[0]!.fail(new TypeError('x is undefined'));
    await server.drain();
    assert.equal((await ours.error()).kind, 'internal');
  });

  it('is not tried where the runtime itself says that the request is wrong', async () => {
    const server = new Server();
    const bad = server.send([BAD]);
    server.h.turn();
    const error = new ServingError('invalid_request', 'Got invalid dimensions for input');
    server.h.executor.active[0]!.fail(error);
    assert.equal(await bad.error(), error);
    assert.deepEqual(await server.drain(), []);
  });
});

describe('Runs of known good requests', () => {
  it('are one at a time, whoever asks', async () => {
    const server = new Server({ slots: 3 });
    server.send([1]);
    await server.drain();
    server.h.clock.advance(1000);
    const all = ['a', 'b', 'c'].map((caller) => {
      const request = server.send([BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD], caller);
      server.h.turn();
      return request;
    });
    for (const run of server.h.executor.active) run.fail(new ServingError('backend_failed', TEXT));
    await settle();
    assert.equal(server.h.executor.active.length, 1);
    assert.deepEqual(await server.drain(), [[1]]);
    for (const request of all) assert.equal((await request.error()).kind, 'invalid_request');
  });

  it('are none for a quarantined caller while others were answered within 100 ms', async () => {
    const server = new Server();
    server.send([1], 'ann');
    await server.drain();
    server.send([BAD]);
    assert.equal((await server.drain()).length, 2, 'the first fault is proven by a run of its own');
    for (let i = 0; i < 50; i++) {
      server.h.clock.advance(1);
      server.send([BAD]);
      assert.deepEqual(await server.drain(), [[BAD]]);
    }
    server.h.clock.advance(100);
    server.send([BAD]);
    assert.deepEqual(await server.drain(), [[BAD], [1]]);
  });

  it('are for another caller than the quarantined caller always its own', async () => {
    const server = new Server();
    server.send([1], 'ann');
    await server.drain();
    for (const caller of ['a', 'b', 'c']) {
      server.send([BAD], caller);
      assert.deepEqual(await server.drain(), [[BAD], [1]]);
    }
  });

  it('take the place of none that waits, and closing waits for them', async () => {
    const server = new Server();
    server.send([BAD]);
    server.h.turn();
    server.h.executor.active[0]!.fail(new ServingError('backend_failed', TEXT));
    await settle();
    let isClosed = false;
    const closed = server.h.scheduler.close().then(() => {
      isClosed = true;
    });
    await settle();
    assert.equal(isClosed, false);
    await server.drain();
    await closed;
  });

  it('are of zeros where the values are too many to be kept, which proves nothing if they fail', async () => {
    const server = new Server();
    const wide = (value: number): Submitted => {
      const values = new Float32Array(20_000).fill(value);
      const context = taskContext(server.h.clock, { caller: `${value}` });
      return server.h.submit(new Map([['x', numericTensor('float32', [1, values.length], values)]]), { context });
    };
    wide(1);
    await server.drain();
    server.h.clock.advance(1000);
    const bad = wide(BAD);
    const runs = await server.drain();
    assert.deepEqual([runs.length, runs[1]!.length, runs[1]![0]], [2, 20_000, 0]);
    assert.equal((await bad.error()).kind, 'invalid_request');
  });
});
