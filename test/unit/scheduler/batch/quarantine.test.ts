/** Callers of bad values beside others, in one scheduler. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import { floats, SchedulerHarness, type Submitted, settle, taskContext } from '../../../support/scheduler-harness.ts';

const BAD = 1000;
const RUN_MS = 5;

class Server {
  readonly h = new SchedulerHarness({ maxBatchSize: 8, maxEnqueuedBatches: 4 });

  send(caller: string, value: number): Submitted {
    return this.h.submitRows([value], taskContext(this.h.clock, { caller }));
  }

  /** Ends the run that goes on, after RUN_MS; returns its rows, or undefined where none does. */
  async endRun(): Promise<number[] | undefined> {
    const { h } = this;
    h.turn();
    // What waits yields to others that were there a moment ago.
    if (h.executor.active.length === 0 && h.clock.nextAt < Infinity) h.clock.advance(h.clock.nextAt - h.clock.nowMs());
    const run = h.executor.active[0];
    if (run === undefined) return undefined;
    this.h.clock.advance(RUN_MS);
    const values = floats(run.batch.inputs.get('x'));
    if (values.includes(BAD)) run.fail(new ServingError('backend_failed', 'bad'));
    else run.complete();
    await settle();
    return values;
  }

  async drain(): Promise<number[][]> {
    const runs: number[][] = [];
    for (let run = await this.endRun(); run !== undefined; run = await this.endRun()) runs.push(run);
    return runs;
  }

  /** Makes a caller a quarantined caller. */
  async blame(caller: string): Promise<void> {
    const bad = this.send(caller, BAD);
    await this.drain();
    assert.equal((await bad.error()).kind, 'invalid_request');
  }
}

function waiting(requests: readonly Submitted[]): number {
  return requests.slice(-20).filter(({ outcome }) => outcome === undefined).length;
}

describe('A caller of bad values', () => {
  it('shares no batch with others from then on, and its own requests share theirs', async () => {
    const server = new Server();
    await server.blame('eve');
    server.h.clock.advance(400);
    const all = [server.send('ann', 1), server.send('eve', 2), server.send('bob', 3), server.send('eve', 4)];
    assert.deepEqual(await server.drain(), [
      [1, 3],
      [2, 4],
    ]);
    for (const [i, request] of all.entries()) assert.deepEqual(await request.values(), [i + 1]);
  });

  it('is taken out of the batches that wait when it is found', async () => {
    const server = new Server();
    server.send('eve', BAD);
    server.h.turn();
    const ann = [1, 2].map((value) => server.send('ann', value));
    const eve = server.send('eve', BAD);
    const runs = await server.drain();
    assert.equal(
      runs.some((run) => run.includes(BAD) && run.length > 1),
      false,
      JSON.stringify(runs),
    );
    for (const request of ann) await request.values();
    assert.equal((await eve.error()).kind, 'invalid_request');
  });

  it('is together with others again once a batch of its own was answered after a second', async () => {
    const server = new Server();
    await server.blame('eve');
    server.h.clock.advance(1500);
    server.send('ann', 1);
    server.send('eve', 2);
    assert.equal((await server.drain()).length, 2, 'alone once more');
    server.send('ann', 3);
    server.send('eve', 4);
    assert.deepEqual(await server.drain(), [[3, 4]]);
  });

  it('is served at once by a server that has nothing else to do, whatever it owes', async () => {
    const server = new Server();
    for (let i = 0; i < 50; i++) await server.blame('eve');
    const request = server.send('eve', 1);
    assert.deepEqual(await server.drain(), [[1]]);
    assert.deepEqual(await request.values(), [1]);
  });

  it('takes no more than a tenth of the time from others, and none of them fails or is refused', async () => {
    const server = new Server();
    let failed = 0;
    let runs = 0;
    const good: Submitted[] = [];
    const bad: Submitted[] = [];
    const end = server.h.clock.nowMs() + 20_000;
    while (server.h.clock.nowMs() < end) {
      while (waiting(good) < 4) good.push(server.send('ann', good.length % 10));
      while (waiting(bad) < 8) bad.push(server.send('eve', BAD));
      const run = await server.endRun();
      runs += 1;
      if (run?.includes(BAD)) failed += 1;
    }
    await server.drain();
    for (const request of good) await request.values();
    for (const request of bad) assert.match((await request.error()).kind, /invalid_request|overloaded/);
    const share = failed / runs;
    assert.ok(share > 0.03 && share < 0.12, `${failed} of ${runs} runs`);
  });

  it('is refused with a delay when a batch of it waits and it owes too much', async () => {
    const server = new Server();
    for (let i = 0; i < 10; i++) await server.blame('eve');
    const ann = server.send('ann', 1);
    const waiting = Array.from({ length: 8 }, () => server.send('eve', 2));
    const refused = await server.send('eve', 2).error();
    assert.equal(refused.kind, 'overloaded');
    assert.equal(refused.attributes?.['reason'], 'caller_budget');
    assert.ok(refused.retryAfterMs! > 0);
    await server.drain();
    for (const request of [ann, ...waiting]) await request.values();
  });

  it('does not fill the queue for others: what waits of it beyond a batch is refused', async () => {
    const server = new Server();
    server.send('ann', 1);
    await server.drain();
    const first = server.send('eve', BAD);
    server.h.turn();
    const flood = Array.from({ length: 31 }, () => server.send('eve', BAD));
    const ann: Submitted[] = [];
    for (let i = 0; i < 20; i++) {
      await server.endRun();
      ann.push(server.send('ann', 1));
    }
    await server.drain();
    assert.equal((await first.error()).kind, 'invalid_request');
    const kinds = await Promise.all(flood.map(async (request) => (await request.error()).kind));
    assert.ok(kinds.includes('overloaded'), String(kinds));
    assert.ok(kinds.every((kind) => kind === 'overloaded' || kind === 'invalid_request'));
    const failures = ann.filter(({ outcome }) => outcome?.error !== undefined);
    assert.deepEqual(failures, []);
  });
});
