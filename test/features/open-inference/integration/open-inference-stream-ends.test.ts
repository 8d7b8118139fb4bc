/** ModelStreamInfer when the server drains, and when memory is short. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { status as Status } from '@grpc/grpc-js';
import { MemoryBudget } from '../../../../src/proxy/memory-budget.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { pillionOnly, eachEngine as test } from '../../../support/grpc-engines.ts';
import { INFERENCE, withGrpc } from '../../../support/grpc-harness.ts';
import { Held, request, Stream } from '../../../support/infer-stream.ts';
import { decode } from '../../../support/proto-registry.ts';
import { never } from '../../../support/puppet-models.ts';
import { frame, openCall, openSession, readMessages } from '../../../support/raw-grpc.ts';
import { bytesField } from '../../../support/wire-fragments.ts';

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

// grpc-js takes messages whole or ends the stream.
pillionOnly(
  'a large message that there is no memory for costs its request alone, and no part of the room twice',
  async () => {
    const memory = new MemoryBudget({ maxMessageBytes: 1 << 20, budgetBytes: 2 << 20 });
    await withGrpc(
      (models) => models.add('m'),
      async (server) => {
        const stream = new Stream(server);
        const large = Array.from({ length: 100_000 }, () => 1);
        const other = { heldBytes: 0, shed: () => undefined };
        assert.equal(memory.hold(other, 3 << 19), undefined);
        memory.arrived(other);
        stream.send(request('a', large), request('b'));
        await stream.answered(2);
        assert.match(
          stream.answers[0].error_message,
          /^the server is short of memory and takes no body of 0.4 MiB now/,
        );
        assert.deepEqual(stream.ids, ['a', 'b']);
        memory.release(other);
        // It would not fit, were it counted with the call and with its request.
        assert.equal(memory.hold(other, 9 << 17), undefined);
        memory.arrived(other);
        stream.send(request('c', large));
        await stream.answered(3);
        assert.deepEqual([stream.answers[2].error_message, stream.ids[2]], ['', 'c']);
        memory.release(other);
        stream.call.end();
        assert.equal((await stream.status).code, Status.OK);
        assert.equal(memory.bodyBytes, 0);
        assert.deepEqual(
          server.records.map(({ outcome }) => outcome),
          ['overloaded', 'ok', 'ok'],
        );
      },
      { memory },
    );
  },
);

pillionOnly('a message that must make room for smaller ones costs its request alone', async () => {
  const memory = new MemoryBudget({ maxMessageBytes: 4 << 20, budgetBytes: 4 << 20 });
  await withGrpc(
    (models) => models.add('m'),
    async (server) => {
      const session = openSession(server.address);
      const stream = openCall(session, `/${INFERENCE}/ModelStreamInfer`);
      const answers = readMessages(stream);
      const message = (id: string, bytes: number): Buffer =>
        frame(Buffer.concat([bytesField(1, 'm'), bytesField(3, id), bytesField(7, Buffer.alloc(bytes))]));
      const large = message('large', 1 << 20);
      // After the frame's five bytes. All of them must arrive, in whatever pieces, to be more than the small one.
      const begunBytes = 900_000;
      stream.write(large.subarray(0, 5 + begunBytes));
      await server.until(() => memory.bodyBytes === begunBytes);
      const other = { heldBytes: 0, shed: () => undefined };
      assert.equal(memory.hold(other, 2_300_000), undefined);
      memory.arrived(other);
      const small = { heldBytes: 0, shed: () => undefined };
      assert.equal(memory.hold(small, 850_000), undefined);
      stream.write(large.subarray(5 + begunBytes));
      stream.end(message('next', 0));
      const told = (await answers).map((each) => decode('inference.ModelStreamInferResponse', each));
      assert.deepEqual(
        told.map(({ inferResponse }) => (inferResponse as { id: string }).id),
        ['large', 'next'],
      );
      assert.match(String(told[0]!['errorMessage']), /^the body was given up while it arrived/);
      session.close();
    },
    { memory, maxReceiveBytes: 4 << 20 },
  );
});
