/** `:classify` and `:regress` over REST: how JSON becomes features, what is refused, how answers look. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Signature } from '../../../../src/core/signature.ts';
import { numericTensor, type StringTensor, type Tensor } from '../../../../src/core/tensor.ts';
import { decode } from '../../../support/proto-registry.ts';
import { type Behaviour, never, signature, spec } from '../../../support/puppet-models.ts';
import { errorOf, type RawAnswer, type RawConnection, RestHarness } from '../../../support/rest-harness.ts';

const EXAMPLES = { inputs: spec('string', [-1]) };
const SCORES: Signature = signature(EXAMPLES, { scores: spec('float32', [-1, -1]) });
const REGRESS: Signature = signature(EXAMPLES, { outputs: spec('float32', [-1]) });

/** What the model was given last: features by name as {kind: values}. */
let seen: Record<string, unknown>[] = [];

const look: Behaviour = ({ inputs, outputs }) => {
  const { data } = inputs.get('inputs') as StringTensor;
  seen = data.map(featuresOf);
  const n = data.length;
  const scores = Float32Array.from({ length: n * 2 }, (_, i) => i + 0.1);
  const given: Record<string, Tensor> = {
    scores: numericTensor('float32', [n, 2], scores),
    outputs: numericTensor(
      'float32',
      [n],
      Float32Array.from({ length: n }, (_, i) => (i === 0 ? 7 : Number.NaN)),
    ),
  };
  return new Map(outputs.map((name) => [name, given[name]!]));
};

function featuresOf(bytes: Uint8Array): Record<string, unknown> {
  const { features } = decode('tensorflow.Example', bytes) as unknown as {
    features: { feature: Record<string, { kind: { case?: string; value?: { value: unknown[] } } }> };
  };
  return Object.fromEntries(
    Object.entries(features.feature).map(([name, { kind }]) => [
      name,
      kind.case === undefined ? 'nothing' : { [kind.case]: kind.value!.value.map(plain) },
    ]),
  );
}

function plain(value: unknown): unknown {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : value;
}

const rest = new RestHarness();
let connection: RawConnection;

before(async () => {
  rest.models.add('m', { signatures: { serving_default: SCORES, regress: REGRESS }, behave: look });
  rest.models.add('slow', { signatures: { serving_default: SCORES }, behave: never });
  rest.models.add('tensors');
  await rest.listen();
  connection = await rest.connect();
});

after(() => rest.close());

function post(path: string, body: string, headers: readonly string[] = []): Promise<RawAnswer> {
  connection.post(`/v1/models/${path}`, body, headers);
  return connection.answer();
}

test('classify answers with results, and "" where there is no label', async () => {
  const answer = await post('m:classify', '{"examples":[{"x":1},{}]}');
  assert.equal(answer.status, 200);
  assert.equal(answer.body.toString(), '{"results":[[["",0.1],["",1.1]],[["",2.1],["",3.1]]]}');
  const record = (await rest.recorded(1))[0]!;
  assert.deepEqual([record.method, record.rows, record.signatureName], ['Classify', 2, 'serving_default']);
});

test('regress answers with one value an example', async () => {
  const answer = await post('m:regress', '{"signature_name":"regress","examples":[{"x":1},{}]}');
  assert.equal(answer.body.toString(), '{"results":[7.0,NaN]}');
});

test('only POST runs them, and a version out of range is told of', async () => {
  for (const verb of ['classify', 'regress']) {
    for (const method of ['PUT', 'DELETE', 'TRACE']) {
      connection.get(`/v1/models/m:${verb}`, [], method);
      const answer = await connection.answer();
      assert.equal(answer.status, 405, `${method} ${verb}`);
      assert.equal(answer.headers.get('allow'), 'POST, OPTIONS');
      assert.match(errorOf(answer), new RegExp(`^${method} is not possible on "/v1/models/m:${verb}"; use POST$`));
    }
    const late = await post(`m/versions/9223372036854775808:${verb}`, '{"examples":[{"x":1}]}');
    assert.equal(late.status, 400);
    assert.match(errorOf(late), /version "9223372036854775808" in the path is too large/);
  }
});

const FEATURES: readonly [json: string, want: unknown][] = [
  ['1', { int64List: [1n] }],
  ['-9223372036854775808', { int64List: [-(2n ** 63n)] }],
  ['9223372036854775807', { int64List: [2n ** 63n - 1n] }],
  ['-0', { int64List: [0n] }],
  ['18446744073709551616', { floatList: [2 ** 64] }],
  ['1.0', { floatList: [1] }],
  ['1e2', { floatList: [100] }],
  ['-Infinity', { floatList: [-Infinity] }],
  ['Inf', { floatList: [Infinity] }],
  ['true', { int64List: [1n] }],
  ['[true, 3, false]', { int64List: [1n, 3n, 0n] }],
  ['[1, 2.5, 3]', { floatList: [1, 2.5, 3] }],
  ['"text"', { bytesList: ['text'] }],
  ['[ "a" , {"b64":"Yg=="} ]', { bytesList: ['a', 'b'] }],
  ['"\\u00e9\\n"', { bytesList: ['é\n'] }],
  ['[]', 'nothing'],
];

for (const [json, want] of FEATURES) {
  test(`${json} becomes ${typeof want === 'string' ? want : Object.keys(want as object)}`, async () => {
    const answer = await post('m:classify', `{"examples":[{"x":${json}}]}`);
    assert.equal(answer.status, 200, answer.body.toString());
    assert.deepEqual(seen, [{ x: want }]);
  });
}

test('the context is merged into each example, whose own features win', async () => {
  const body = '{"examples":[{"a":1},{"b":2.5}],"context":{"a":"c","z":9}, "unknown":[null]}';
  assert.equal((await post('m:classify', body)).status, 200);
  assert.deepEqual(seen, [
    { a: { int64List: [1n] }, z: { int64List: [9n] } },
    { a: { bytesList: ['c'] }, z: { int64List: [9n] }, b: { floatList: [2.5] } },
  ]);
});

describe('refused', () => {
  const bodies: readonly [body: string, says: RegExp][] = [
    ['', /the body is empty/],
    ['[]', /is no JSON object/],
    ['{}', /no "examples"; for classify send a list of objects/],
    ['{"examples":{}}', /"examples" is an object/],
    ['{"examples":[]}', /"examples" is empty/],
    ['{"examples":[1]}', /examples\[0\] is a number, but an example is an object/],
    ['{"examples":[{}],"context":[]}', /"context" is a list/],
    ['{"examples":[{"x":null}]}', /feature "x" of examples\[0\] has null/],
    ['{"examples":[{},{"x":[[1]]}]}', /feature "x" of examples\[1\] has a list/],
    ['{"examples":[{"x":{"c":1}}]}', /has an object; of objects only/],
    ['{"examples":[{"x":{"b64":"*"}}]}', /"b64" that is not base64/],
    ['{"examples":[{"x":[1,"a"]}]}', /strings and numbers in one list/],
    ['{"examples":[{"x":["a",1.5]}]}', /strings and numbers in one list/],
    ['{"examples":[{"x":9223372036854775808}]}', /more than an int64 holds/],
    ['{"examples":[{"x":1,"x":2}]}', /has the feature "x" twice/],
    ['{"examples":[{"x":1}]', /at the end of its 21 bytes/],
    ['{"examples":[{"x":1}]} x', /more text follows/],
    ['{"examples":[{}],"signature_name":5}', /"signature_name" is no string/],
    ['{"examples":[{}],"signature_name":"none"}', /has no signature "none"/],
    [`{"examples":[${new Array(20_000).fill('{}').join(',')}]}`, /more than the 1048576 bytes/],
  ];
  for (const [body, says] of bodies) {
    test(body.slice(0, 60), async () => {
      const answer = await post('m:classify', body);
      assert.equal(answer.status, says.source.includes('1048576') ? 413 : 400, answer.body.toString());
      assert.match(errorOf(answer), says);
    });
  }

  test('bad JSON for an unknown model is 400: the body is read first', async () => {
    assert.equal((await post('nowhere:classify', '{')).status, 400);
    assert.equal((await post('nowhere:classify', '{"examples":[{}]}')).status, 404);
  });

  test('a signature of tensors names what there is', async () => {
    const answer = await post('tensors:regress', '{"examples":[{}]}');
    assert.equal(answer.status, 400);
    assert.match(errorOf(answer), /takes no examples.*pillion\.yaml.*Predict/);
  });

  test('deep nesting is read without a stack', async () => {
    const answer = await post('m:classify', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)},"examples":[{}]}`);
    assert.equal(answer.status, 200);
  });
});

test('a deadline from a header ends it', async () => {
  const before = rest.records.length;
  const answered = post('slow:classify', '{"examples":[{}]}', ['request-timeout: 1']);
  while (rest.lifecycle.inFlight === 0) await new Promise((resolve) => setImmediate(resolve));
  rest.clock.advance(1001);
  assert.equal((await answered).status, 504);
  assert.equal((await rest.recorded(before + 1))[before]!.outcome, 'deadline_exceeded');
});

test('rows may leave out an input that has a default: all of them or none', async () => {
  const defaults = new Map<string, Tensor>([['b', numericTensor('float32', [1], Float32Array.of(9))]]);
  const inputs = { a: spec('float32', [-1]), b: spec('float32', [-1]) };
  const signatures = { serving_default: { ...signature(inputs, { x: inputs.a, y: inputs.b }), defaults } };
  rest.models.add('filled', { signatures });
  const rows = await post('filled:predict', '{"instances":[{"a":1},{"a":2}]}');
  assert.equal(rows.body.toString(), '{"predictions":[{"x":1.0,"y":9.0},{"x":2.0,"y":9.0}]}');
  const columns = await post('filled:predict', '{"inputs":{"a":[1,2]}}');
  assert.equal(columns.body.toString(), '{"outputs":{"x":[1.0,2.0],"y":[9.0,9.0]}}');
  for (const mixed of ['[{"a":1},{"a":2,"b":3}]', '[{"a":1,"b":3},{"a":2}]', '[{},{}]', '[{"b":1}]']) {
    assert.equal((await post('filled:predict', `{"instances":${mixed}}`)).status, 400, mixed);
  }
  connection.get('/v1/models/filled/metadata');
  const { metadata } = JSON.parse((await connection.answer()).body.toString());
  const { b } = metadata.signature_def.signature_def.serving_default.defaults;
  assert.deepEqual([b.dtype, b.float_val, b.tensor_shape.dim], ['DT_FLOAT', [9], [{ size: '1', name: '' }]]);
});
