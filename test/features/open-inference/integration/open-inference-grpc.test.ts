/** ModelInfer over a real connection, on both engines. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { status as Status } from '@grpc/grpc-js';
import { ServingError, SharedError } from '../../../../src/core/errors.ts';
import { Priority } from '../../../../src/core/priority.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { eachEngine as test } from '../../../support/grpc-engines.ts';
import { floatRequest, INFERENCE, PREDICTION, withGrpc } from '../../../support/grpc-harness.ts';
import { affine, echo, fail, never, type PuppetRunner, signature, spec } from '../../../support/puppet-models.ts';

const floats = (...values: number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);

const X = { name: 'x', datatype: 'FP32', shape: [3] };

test('ModelInfer takes raw and typed contents alike, and answers raw', async () => {
  await withGrpc(
    (models) => models.add('m', { version: 7n, behave: affine(0.5, 2) }),
    async (server) => {
      const raw = { model_name: 'm', id: 'r-1', inputs: [X], raw_input_contents: [floats(1, 2, 5)] };
      const typed = { model_name: 'm', inputs: [{ ...X, contents: { fp32_contents: [1, 2, 5] } }] };
      const answer = await server.call(INFERENCE, 'ModelInfer', raw);
      assert.equal(answer.model_name, 'm');
      assert.equal(answer.model_version, '7');
      assert.equal(answer.id, 'r-1');
      assert.deepEqual(answer.outputs, [{ name: 'y', datatype: 'FP32', shape: ['3'], parameters: {}, contents: null }]);
      assert.deepEqual(answer.raw_output_contents, [floats(2.5, 3, 4.5)]);
      const second = await server.call(INFERENCE, 'ModelInfer', typed);
      assert.deepEqual(second.raw_output_contents, answer.raw_output_contents);
      assert.equal(second.id, '');
      const record = await server.record(1);
      assert.equal(record.method, 'ModelInfer');
      assert.equal(record.outcome, 'ok');
      assert.equal(record.rows, 3);
      assert.equal(record.stages.reached, 'encode');
    },
  );
});

test('the same bits as by TensorFlow Serving’s API', async () => {
  await withGrpc(
    (models) => models.add('m', { behave: affine(1.7, 0.3) }),
    async (server) => {
      const values = [1.1, -2.7, 3e-9];
      const theirs = await server.call(PREDICTION, 'Predict', floatRequest(values));
      const request = { model_name: 'm', inputs: [X], raw_input_contents: [floats(...values)] };
      const ours = await server.call(INFERENCE, 'ModelInfer', request);
      assert.deepEqual(ours.raw_output_contents, [floats(...theirs.outputs.y.float_val)]);
    },
  );
});

test('BYTES and 64-bit integers go through exactly', async () => {
  const both = signature(
    { s: spec('string', [-1]), n: spec('int64', [-1]) },
    { s2: spec('string', [-1]), n2: spec('int64', [-1]) },
  );
  await withGrpc(
    (models) => models.add('m', { signatures: { serving_default: both }, behave: echo }),
    async (server) => {
      const strings = [Buffer.from([0xff, 0, 0x80]), Buffer.from('ü'), Buffer.alloc(0)];
      const numbers = ['9223372036854775807', '-9223372036854775808', '0'];
      const inputs = [
        { name: 's', datatype: 'BYTES', shape: [3], contents: { bytes_contents: strings } },
        { name: 'n', datatype: 'INT64', shape: [3], contents: { int64_contents: numbers } },
      ];
      const answer = await server.call(INFERENCE, 'ModelInfer', { model_name: 'm', inputs });
      const raw = Buffer.concat(strings.flatMap((s) => [Buffer.from(Uint32Array.of(s.length).buffer), s]));
      // Outputs come by name where none is asked for.
      assert.deepEqual(answer.raw_output_contents, [Buffer.from(BigInt64Array.from(numbers.map(BigInt)).buffer), raw]);
      const heads = inputs.map(({ contents: _, ...head }) => head).reverse();
      const again = { model_name: 'm', inputs: heads, raw_input_contents: answer.raw_output_contents };
      const second = await server.call(INFERENCE, 'ModelInfer', again);
      assert.deepEqual(second.raw_output_contents, answer.raw_output_contents);
    },
  );
});

test('requested outputs come alone, in their order', async () => {
  const two = signature(
    { x: spec('float32', undefined) },
    { a: spec('float32', undefined), b: spec('float32', undefined) },
  );
  await withGrpc(
    (models) => models.add('m', { signatures: { serving_default: two } }),
    async (server) => {
      const request = (...names: string[]): object => ({
        ...{ model_name: 'm', inputs: [X], raw_input_contents: [floats(1, 2, 3)] },
        outputs: names.map((name) => ({ name })),
      });
      const names = async (...asked: string[]): Promise<unknown> =>
        (await server.call(INFERENCE, 'ModelInfer', request(...asked))).outputs.map(
          (output: { name: string }) => output.name,
        );
      assert.deepEqual(await names('b'), ['b']);
      assert.deepEqual(await names('b', 'a'), ['b', 'a']);
      const failure = await server.failure(INFERENCE, 'ModelInfer', request('c'));
      assert.equal(failure.code, Status.INVALID_ARGUMENT);
      assert.match(
        failure.details,
        /^unexpected inference output 'c' for model 'm'; outputs names "c", which model "m"/,
      );
    },
  );
});

test('a model with one signature of another name is asked by it; of several, one has to be named', async () => {
  const one = signature({ x: spec('float32', undefined) }, { y: spec('float32', undefined) });
  await withGrpc(
    (models) => {
      models.add('one', { signatures: { only: one }, behave: affine(2, 0) });
      models.add('two', { signatures: { a: one, b: one }, behave: affine(3, 0) });
    },
    async (server) => {
      const request = (model_name: string, parameters: object = {}): object => ({
        ...{ model_name, inputs: [{ ...X, shape: [1] }], raw_input_contents: [floats(5)], parameters },
      });
      const { raw_output_contents } = await server.call(INFERENCE, 'ModelInfer', request('one'));
      assert.deepEqual(raw_output_contents, [floats(10)]);
      assert.equal((await server.record(1)).signatureName, 'only');
      assert.equal((await server.call(INFERENCE, 'ModelMetadata', { name: 'one' })).inputs[0].name, 'x');
      const failure = await server.failure(INFERENCE, 'ModelInfer', request('two'));
      assert.equal(failure.code, Status.FAILED_PRECONDITION);
      const unknown = await server.failure(INFERENCE, 'ModelMetadata', { name: 'two' });
      assert.match(unknown.details, /has the signatures "a", "b".*name one in each request's parameter signature_name/);
      const named = request('two', { signature_name: { string_param: 'b' } });
      assert.deepEqual((await server.call(INFERENCE, 'ModelInfer', named)).raw_output_contents, [floats(15)]);
    },
  );
});

test('a version is a number, a label, or the server’s choice', async () => {
  await withGrpc(
    (models) => {
      models.add('m', { version: 1n, behave: affine(1, 0), labels: ['stable'] });
      models.add('m', { version: 2n, behave: affine(2, 0) });
    },
    async (server) => {
      const infer = async (model_version: string): Promise<unknown> => {
        const request = {
          model_name: 'm',
          model_version,
          inputs: [{ ...X, shape: [1] }],
          raw_input_contents: [floats(3)],
        };
        const answer = await server.call(INFERENCE, 'ModelInfer', request);
        return [answer.model_version, ...answer.raw_output_contents];
      };
      assert.deepEqual(await infer(''), ['2', floats(6)]);
      assert.deepEqual(await infer('1'), ['1', floats(3)]);
      assert.deepEqual(await infer('stable'), ['1', floats(3)]);
      const codes: number[] = [];
      for (const model_version of ['9', 'canary', '9'.repeat(30)]) {
        codes.push((await server.failure(INFERENCE, 'ModelInfer', { model_name: 'm', model_version })).code);
      }
      assert.deepEqual(codes, [Status.NOT_FOUND, Status.INVALID_ARGUMENT, Status.INVALID_ARGUMENT]);
    },
  );
});

test('a timeout and a priority in the request are its deadline and its priority', async () => {
  let runner!: PuppetRunner;
  await withGrpc(
    (models) => {
      runner = models.add('m');
    },
    async (server) => {
      const parameters = { timeout: { int64_param: 30_000_000 }, priority: { uint64_param: 1 } };
      const request = { model_name: 'm', inputs: [X], raw_input_contents: [floats(1, 2, 3)], parameters };
      await server.call(INFERENCE, 'ModelInfer', request, { metadata: { 'x-pillion-priority': 'sheddable' } });
      const record = await server.record(1);
      assert.equal(Math.round(record.deadline - record.stages.startedAt), 30_000);
      assert.equal(record.hasOwnDeadline, true);
      assert.equal(runner.requests[0]!.context.priority, Priority.critical);
    },
  );
});

test('a timeout that passes is DEADLINE_EXCEEDED', async () => {
  await withGrpc(
    (models) => models.add('m', { behave: never }),
    async (server) => {
      const parameters = { timeout: { int64_param: 1500 } };
      const request = { model_name: 'm', inputs: [X], raw_input_contents: [floats(1, 2, 3)], parameters };
      const { code, details } = await server.failure(INFERENCE, 'ModelInfer', request);
      assert.equal(code, Status.DEADLINE_EXCEEDED);
      assert.match(details, /^deadline of 1\.5 ms passed/);
    },
  );
});

test('inputs that the model does not want are refused in the protocol’s words', async () => {
  await withGrpc(
    (models) =>
      models.add('m', {
        signatures: { serving_default: signature({ x: spec('float32', [-1]) }, { y: spec('float32', [-1]) }) },
      }),
    async (server) => {
      for (const [datatype, bytes] of [
        ['BF16', 2],
        ['FP16', 2],
        ['INT64', 8],
      ] as const) {
        const inputs = [{ name: 'x', datatype, shape: [1] }];
        const request = { model_name: 'm', inputs, raw_input_contents: [Buffer.alloc(bytes)] };
        const { code, details } = await server.failure(INFERENCE, 'ModelInfer', request);
        assert.equal(code, Status.INVALID_ARGUMENT);
        assert.match(
          details,
          new RegExp(
            `^inference input 'x' data-type is '${datatype}'.*; input "x" is ${datatype}, but model "m" .* wants FP32; send it as FP32$`,
          ),
        );
      }
      const wrong = { model_name: 'm', inputs: [{ ...X, name: 'z' }], raw_input_contents: [floats(1, 2, 3)] };
      const { details } = await server.failure(INFERENCE, 'ModelInfer', wrong);
      assert.match(details, /wants the inputs "x"; missing: "x"; unknown: "z"/);
      const { details: unnamed } = await server.failure(INFERENCE, 'ModelInfer', {});
      assert.match(unnamed, /^Request for unknown model: '' is not found/);
    },
  );
});

test('a request that its model would refuse is refused unread, unless it has parameters', async () => {
  const refusal = new ServingError('overloaded', 'the queue is full; retry after 14 ms', { retryAfterMs: 14 });
  let unread!: PuppetRunner;
  await withGrpc(
    (models) => {
      models.add('read', { behave: fail(refusal) });
      unread = models.add('unread');
      unread.refusal = new SharedError(refusal);
    },
    async (server) => {
      const request = (model_name: string, fields: object = {}): object => ({
        ...{ model_name, inputs: [{ ...X, shape: [1] }], raw_input_contents: [floats(1)], ...fields },
      });
      await server.failure(INFERENCE, 'ModelInfer', request('read'));
      const failure = await server.failure(INFERENCE, 'ModelInfer', request('unread', { raw_input_contents: [] }));
      assert.equal(failure.code, Status.RESOURCE_EXHAUSTED);
      assert.deepEqual([failure.details, unread.requests.length], [refusal.message, 0]);
      const parameters = { timeout: { int64_param: 5_000_000 } };
      await server.call(INFERENCE, 'ModelInfer', request('unread', { parameters }));
      assert.equal(unread.requests.length, 1);
    },
    { clock: new FakeClock() },
  );
});
