/** ModelStreamInfer over a real connection: many requests on one stream, each with an end of its own. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { Metadata, status as Status } from '@grpc/grpc-js';
import { eachEngine as test } from '../../../support/grpc-engines.ts';
import { INFERENCE, withGrpc } from '../../../support/grpc-harness.ts';
import { floats, Held, request, Stream } from '../../../support/infer-stream.ts';
import { affine, never } from '../../../support/puppet-models.ts';

test('requests on one stream are answered as they are ready, and told apart by their ids', async () => {
  const held = new Held();
  await withGrpc(
    (models) => models.add('m', { behave: held.behave }),
    async (server) => {
      const stream = new Stream(server);
      stream.send(...[1, 2, 3].map((value) => request(`r-${value}`, [value])));
      await server.until(() => held.count === 3);
      for (const [i, value] of [3, 1, 2].entries()) {
        held.answer(value);
        await stream.answered(i + 1);
      }
      assert.deepEqual(stream.ids, ['r-3', 'r-1', 'r-2']);
      const { infer_response: first, error_message } = stream.answers[0];
      assert.equal(error_message, '');
      assert.deepEqual([first.model_name, first.raw_output_contents], ['m', [floats(3)]]);
      stream.call.end();
      assert.equal((await stream.status).code, Status.OK);
      const record = await server.record(3);
      assert.deepEqual([record.method, record.outcome, record.rows], ['ModelStreamInfer', 'ok', 1]);
      assert.equal(server.lifecycle.inFlight, 0);
    },
  );
});

test('the end of a stream waits for its answers', async () => {
  const held = new Held();
  await withGrpc(
    (models) => models.add('m', { behave: held.behave }),
    async (server) => {
      const stream = new Stream(server);
      stream.send(request('a', [1]), request('b', [2]));
      stream.call.end();
      await server.until(() => held.count === 2);
      held.answer(2);
      await stream.answered(1);
      held.answer(1);
      assert.equal((await stream.status).code, Status.OK);
      assert.deepEqual(stream.ids, ['b', 'a']);
    },
  );
});

test('an empty stream ends well', async () => {
  await withGrpc(
    () => undefined,
    async (server) => {
      const stream = new Stream(server);
      stream.call.end();
      assert.equal((await stream.status).code, Status.OK);
      assert.deepEqual(server.records, []);
    },
  );
});

test('an error is in band, with the id of its request and the words of ModelInfer; the stream goes on', async () => {
  await withGrpc(
    (models) => models.add('m', { behave: affine(2, 0) }),
    async (server) => {
      const bad = [
        request('unknown', [1], { model_name: 'other' }),
        request('short', [1], { raw_input_contents: [Buffer.alloc(3)] }),
        request('sequence', [1], { parameters: { sequence_id: { int64_param: 5 } } }),
        request('late', [1], { parameters: { timeout: { int64_param: -1 } } }),
      ];
      const stream = new Stream(server);
      stream.send(...bad, request('good', [4]));
      await stream.answered(5);
      for (const [i, each] of bad.entries()) {
        const { details } = await server.failure(INFERENCE, 'ModelInfer', each);
        const { error_message, infer_response } = stream.answers[i];
        assert.equal(error_message, details);
        assert.equal(infer_response.id, (each as { id: string }).id);
        assert.deepEqual([infer_response.model_name, infer_response.outputs], ['', []]);
      }
      assert.deepEqual(stream.answers[4].infer_response.raw_output_contents, [floats(8)]);
      stream.call.end();
      assert.equal((await stream.status).code, Status.OK);
      assert.deepEqual(
        server.records.slice(0, 4).map(({ method, outcome }) => [method, outcome]),
        [
          ['ModelStreamInfer', 'model_not_found'],
          ['ModelStreamInfer', 'invalid_request'],
          ['ModelStreamInfer', 'invalid_request'],
          ['ModelStreamInfer', 'invalid_request'],
        ],
      );
    },
  );
});

test('a cancelled stream cancels its own requests, and no other', async () => {
  await withGrpc(
    (models) => models.add('m', { behave: never }),
    async (server) => {
      const stream = new Stream(server);
      const other = new Stream(server);
      other.send(request('o'));
      await server.until(() => server.lifecycle.inFlight === 1);
      stream.send(request('a'), request('b'));
      await server.until(() => server.lifecycle.inFlight === 3);
      stream.call.cancel();
      await server.record(2);
      assert.deepEqual(
        server.records.map(({ outcome }) => outcome),
        ['cancelled', 'cancelled'],
      );
      assert.equal(server.lifecycle.inFlight, 1);
      other.call.cancel();
      await server.record(3);
    },
  );
});

test('the deadline of a stream is that of each request, and its end', async () => {
  await withGrpc(
    (models) => models.add('m', { behave: never }),
    async (server) => {
      // The server's timer alone: the client's own would end the stream first, also before its requests have arrived.
      const metadata = new Metadata();
      metadata.set('grpc-timeout', '500m');
      const stream = new Stream(server, metadata);
      stream.send(request('a'), request('b', [1], { parameters: { timeout: { int64_param: 1000 } } }));
      const { code } = await stream.status;
      assert.equal(code, Status.DEADLINE_EXCEEDED);
      await server.record(2);
      // The one with a timeout of 1 ms was the first.
      assert.deepEqual(
        server.records.map(({ outcome }) => outcome),
        ['deadline_exceeded', 'deadline_exceeded'],
      );
      assert.equal(server.lifecycle.inFlight, 0);
    },
  );
});

test('a timeout in a request ends that request in band', async () => {
  await withGrpc(
    (models) => models.add('m', { behave: never }),
    async (server) => {
      const stream = new Stream(server);
      stream.send(request('a', [1], { parameters: { timeout: { int64_param: 2000 } } }));
      const [answer] = await stream.answered(1);
      assert.match(answer.error_message, /^deadline of 2 ms passed/);
      assert.equal(answer.infer_response.id, 'a');
      stream.call.end();
      assert.equal((await stream.status).code, Status.OK);
    },
  );
});

test('every answer is marked as the last one of its request', async () => {
  await withGrpc(
    (models) => models.add('m'),
    async (server) => {
      const stream = new Stream(server);
      const parameters = { triton_enable_empty_final_response: { bool_param: true } };
      stream.send(request('a'), request('b', [1], { parameters }));
      await stream.answered(2);
      const marks = stream.answers.map(({ infer_response }) => infer_response.parameters);
      assert.deepEqual(
        marks.map(({ triton_final_response: mark }) => mark.bool_param),
        [true, true],
      );
      stream.call.end();
      await stream.status;
    },
  );
});
