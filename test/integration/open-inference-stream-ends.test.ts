/** ModelStreamInfer when the server drains, and when memory is short. */
import assert from 'node:assert/strict';
import { status as Status } from '@grpc/grpc-js';
import { MemoryBudget } from '../../src/proxy/memory-budget.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { eachEngine as test } from '../support/grpc-engines.ts';
import { withGrpc } from '../support/grpc-harness.ts';
import { Held, request, Stream } from '../support/infer-stream.ts';
import { never } from '../support/puppet-models.ts';

test('a drain ends a stream after its answers, and refuses what comes later in band', async () => {
  const held = new Held();
  await withGrpc(
    (models) => models.add('m', { behave: held.behave }),
    async (server) => {
      const idle = new Stream(server);
      const busy = new Stream(server);
      busy.send(request('a', [1]));
      idle.send(request('b', [2]));
      await server.until(() => held.count === 2);
      held.answer(2);
      await idle.answered(1);
      const quiet = server.lifecycle.drain();
      const drained = server.server.drain();
      const { code, details } = await idle.status;
      assert.equal(code, Status.UNAVAILABLE);
      assert.match(details, /^the server is shutting down; open a stream to another replica/);
      busy.send(request('late', [3]));
      await busy.answered(1);
      assert.match(busy.answers[0].error_message, /^the server is shutting down/);
      assert.equal(busy.answers[0].infer_response.id, 'late');
      held.answer(1);
      assert.equal((await busy.status).code, Status.UNAVAILABLE);
      assert.deepEqual(busy.ids, ['late', 'a']);
      await Promise.all([quiet, drained]);
    },
  );
});

test('a stream that always has a request open cannot hold up a drain', async () => {
  const clock = new FakeClock();
  const held = new Held();
  await withGrpc(
    (models) => models.add('m', { behave: held.behave }),
    async (server) => {
      const stream = new Stream(server);
      stream.send(request('a', [1]));
      await server.until(() => held.count === 1);
      const drained = server.server.drain();
      stream.send(request('b', [2]));
      await server.until(() => held.count === 2);
      held.answer(1);
      await stream.answered(1);
      clock.advance(1000);
      stream.send(request('c', [3]));
      await stream.answered(2);
      assert.match(stream.answers[1].error_message, /^the server is shutting down; open a stream to another replica/);
      held.answer(2);
      assert.equal((await stream.status).code, Status.UNAVAILABLE);
      assert.deepEqual(stream.ids, ['a', 'c', 'b']);
      await drained;
    },
    { clock },
  );
});

test('large messages of open requests count against the memory of all', async () => {
  const memory = new MemoryBudget({ maxMessageBytes: 1 << 20, budgetBytes: 16 << 20 });
  await withGrpc(
    (models) => models.add('m', { behave: never }),
    async (server) => {
      const stream = new Stream(server);
      const large = Array.from({ length: 60_000 }, () => 1);
      stream.send(...Array.from({ length: 3 }, (_, i) => request(`r-${i}`, large)));
      await server.until(() => server.lifecycle.inFlight === 3);
      assert.ok(memory.bodyBytes >= 720_000, String(memory.bodyBytes));
      stream.call.cancel();
      await server.record(3);
      await server.until(() => memory.bodyBytes === 0);
    },
    { memory },
  );
});

test('a request that there is no memory for is refused in band', async () => {
  const memory = new MemoryBudget({ maxMessageBytes: 1 << 20, budgetBytes: 1 << 20 });
  await withGrpc(
    (models) => models.add('m'),
    async (server) => {
      const stream = new Stream(server);
      stream.send(request('a'));
      await stream.answered(1);
      const holder = { heldBytes: 0, shed: () => undefined };
      assert.equal(memory.hold(holder, 1 << 19), undefined);
      memory.arrived(holder);
      memory.bodyBytes += 1 << 19;
      stream.send(request('b'));
      await stream.answered(2);
      assert.match(stream.answers[1].error_message, /^the server is out of memory for requests/);
      memory.bodyBytes -= 1 << 19;
      memory.release(holder);
      stream.send(request('c'));
      await stream.answered(3);
      assert.deepEqual([stream.answers[2].error_message, stream.ids], ['', ['a', 'b', 'c']]);
      stream.call.end();
      await stream.status;
    },
    { memory },
  );
});
