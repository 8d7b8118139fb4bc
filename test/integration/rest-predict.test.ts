/** What REST answers when all goes well, over real sockets. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { after, before, describe, test } from 'node:test';
import { numericTensor, stringTensor } from '../../src/core/tensor.ts';
import { skipsHttp2 } from '../support/http-version.ts';
import { affine, type PuppetRunner, signature, spec } from '../support/puppet-models.ts';
import { errorOf, jsonOf, type RawAnswer, type RawConnection, RestHarness } from '../support/rest-harness.ts';

const rest = new RestHarness();
let connection: RawConnection;
let triples: PuppetRunner;

before(async () => {
  rest.models.add('half_plus_two', { behave: affine(0.5, 2), version: 123n, labels: ['stable'] });
  rest.models.add('half_plus_two', { behave: affine(1, 0), version: 122n });
  rest.models.add('ids', {
    signatures: {
      serving_default: signature({ x: spec('int64', [-1]) }, { y: spec('int64', [-1]) }),
      unsigned: signature({ x: spec('uint64', [-1]) }, { y: spec('uint64', [-1]) }),
    },
  });
  rest.models.add('bytes', {
    signatures: {
      serving_default: signature(
        { image_bytes: spec('string', [-1]) },
        { echo_bytes: spec('string', [-1]), text: spec('string', [-1]) },
      ),
    },
  });
  rest.models.add('pair', {
    signatures: {
      serving_default: signature(
        { a: spec('float32', [-1]), b: spec('bool', [-1, 2]) },
        { a: spec('float32', [-1]), b: spec('bool', [-1, 2]) },
      ),
    },
  });
  rest.models.add('total', {
    behave: () => new Map([['y', numericTensor('float32', [], Float32Array.of(6))]]),
  });
  triples = rest.models.add('triples', {
    behave: affine(2, 0),
    signatures: {
      serving_default: signature({ x: spec('float32', [-1, 3]) }, { y: spec('float32', [-1, 3]) }),
      cells: signature({ x: spec('float32', [-1, -1, 3]) }, { y: spec('float32', [-1, -1, 3]) }),
    },
  });
  rest.models.add('constant', {
    behave: () => new Map([['y', numericTensor('float32', [2], Float32Array.of(6, 7))]]),
    signatures: { serving_default: signature({}, { y: spec('float32', [2]) }, { kind: 'none' }) },
  });
  await rest.listen();
  connection = await rest.connect();
});

after(() => rest.close());

async function post(path: string, body: string | Uint8Array, headers: readonly string[] = []): Promise<RawAnswer> {
  connection.post(path, body, headers);
  return connection.answer();
}

async function get(path: string, headers: readonly string[] = []): Promise<RawAnswer> {
  connection.get(path, headers);
  return connection.answer();
}

describe('predict', () => {
  test('row format answers predictions', async () => {
    const answer = await post('/v1/models/half_plus_two:predict', '{"instances": [1.0, 2.0, 5.0]}');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), 'application/json');
    assert.equal(answer.body.toString(), '{"predictions":[2.5,3.0,4.5]}');
  });

  test('columnar format answers outputs', async () => {
    const answer = await post('/v1/models/half_plus_two:predict', '{"inputs": {"x": [[1.0], [2.0]]}}');
    assert.equal(answer.body.toString(), '{"outputs":[[2.5],[3.0]]}');
  });

  test('a version, a label, a query, an escaped name and another case find the model', async () => {
    const body = '{"instances":[1]}';
    for (const [path, expected] of [
      ['/v1/models/half_plus_two/versions/122:predict', '{"predictions":[1.0]}'],
      ['/v1/models/half_plus_two/versions/123:predict', '{"predictions":[2.5]}'],
      ['/v1/models/half_plus_two/labels/stable:predict', '{"predictions":[2.5]}'],
      ['/v1/models/half_plus_two:predict?trace=1', '{"predictions":[2.5]}'],
      ['/V1/MODELS/half%5Fplus%5Ftwo:predict', '{"predictions":[2.5]}'],
    ] as const) {
      assert.equal((await post(path, body)).body.toString(), expected, path);
    }
  });

  test('a tensor without rows has the declared dims, and gets an answer without rows', async () => {
    for (const [body, shape, answer] of [
      ['{"inputs":{"x":[]}}', [0, 3], '{"outputs":[]}'],
      ['{"inputs":[]}', [0, 3], '{"outputs":[]}'],
      ['{"signature_name":"cells","inputs":[[],[]]}', [2, 0, 3], '{"outputs":[[],[]]}'],
      ['{"signature_name":"cells","instances":[[],[]]}', [2, 0, 3], '{"predictions":[[],[]]}'],
      ['{"signature_name":"cells","instances":[{"x":[]}]}', [1, 0, 3], '{"predictions":[[]]}'],
    ] as const) {
      assert.equal((await post('/v1/models/triples:predict', body)).body.toString(), answer, body);
      assert.deepEqual(triples.requests.at(-1)!.inputs.get('x')!.shape, shape, body);
    }
    const refused = await post('/v1/models/triples:predict', '{"instances":[]}');
    assert.equal(refused.status, 400);
    assert.match(errorOf(refused), /"instances" is empty/);
  });

  test('a model without inputs is asked with an empty object', async () => {
    assert.equal(
      (await post('/v1/models/constant:predict', '{"inputs": {}}')).body.toString(),
      '{"outputs":[6.0,7.0]}',
    );
    const refused = await post('/v1/models/constant:predict', '{"instances":[{}]}');
    assert.equal(refused.status, 400);
    assert.match(errorOf(refused), /the signature has no inputs; send \{"inputs": \{\}\}/);
  });

  test('signature_name may stand after the values', async () => {
    const body = '{"instances":[18446744073709551615],"signature_name":"unsigned"}';
    assert.equal(
      (await post('/v1/models/ids:predict', body)).body.toString(),
      '{"predictions":[18446744073709551615]}',
    );
  });

  test('64-bit integers pass unchanged to their ends', async () => {
    const values = '9223372036854775807,-9223372036854775808,9007199254740993,0';
    const answer = await post('/v1/models/ids:predict', `{"instances":[${values}]}`);
    assert.equal(answer.body.toString(), `{"predictions":[${values}]}`);
  });

  test('bytes pass unchanged: as base64, and raw in strings', async () => {
    const raw = Buffer.from('{"instances":[{"image_bytes":{"b64":"/+8="}},{"image_bytes":"\xff\xfe"}]}', 'latin1');
    const answer = await post('/v1/models/bytes:predict', raw);
    assert.equal(
      answer.body.toString('latin1'),
      '{"predictions":[{"echo_bytes":{"b64":"/+8="},"text":"\xff\xef"},{"echo_bytes":{"b64":"//4="},"text":"\xff\xfe"}]}',
    );
  });

  test('NaN and infinities pass both ways', async () => {
    const answer = await post(
      '/v1/models/half_plus_two/versions/122:predict',
      '{"instances":[NaN,-Infinity,Inf,1e39]}',
    );
    assert.equal(answer.body.toString(), '{"predictions":[NaN,-Infinity,Infinity,Infinity]}');
  });

  test('several inputs and outputs, in both formats', async () => {
    const rows = await post(
      '/v1/models/pair:predict',
      '{"instances":[{"a":1,"b":[true,false]},{"b":[false,true],"a":2}]}',
    );
    assert.equal(rows.body.toString(), '{"predictions":[{"a":1.0,"b":[true,false]},{"a":2.0,"b":[false,true]}]}');
    const columns = await post('/v1/models/pair:predict', '{"inputs":{"b":[[true,false]],"a":[1]}}');
    assert.equal(columns.body.toString(), '{"outputs":{"a":[1.0],"b":[[true,false]]}}');
  });

  test('an output without rows is answered in columnar format, or for one instance, whatever the batch axis', async () => {
    const columns = await post('/v1/models/total:predict', '{"inputs":[1,2,3]}');
    assert.equal(columns.body.toString(), '{"outputs":6.0}');
    const rows = await post('/v1/models/total:predict', '{"instances":[1,2,3]}');
    assert.equal(rows.status, 400);
    assert.match(rows.body.toString(), /a single value, so it has no row format; send one instance a request, or/);
    const one = await post('/v1/models/total:predict', '{"instances":[3]}');
    assert.equal(one.body.toString(), '{"predictions":[6.0]}');
  });

  test('a large body in many pieces is whole', async () => {
    const values = Array.from({ length: 100_000 }, (_, i) => i / 8);
    const answer = await post('/v1/models/half_plus_two/versions/122:predict', JSON.stringify({ instances: [values] }));
    assert.deepEqual((jsonOf(answer) as { predictions: number[][] }).predictions[0], values);
  });

  test('fetch understands the answers', skipsHttp2(), async () => {
    const response = await fetch(`${rest.url}/v1/models/half_plus_two:predict`, {
      method: 'POST',
      body: JSON.stringify({ instances: [1] }),
    });
    assert.deepEqual([response.status, await response.json()], [200, { predictions: [2.5] }]);
  });
});

describe('the other paths', () => {
  test('status lists the versions, highest first', async () => {
    const answer = await get('/v1/models/half_plus_two');
    const { model_version_status: versions } = jsonOf(answer) as {
      model_version_status: { version: string; state: string }[];
    };
    assert.deepEqual(
      versions.map(({ version, state }) => [version, state]),
      [
        ['123', 'AVAILABLE'],
        ['122', 'AVAILABLE'],
      ],
    );
    const one = jsonOf(await get('/v1/models/half_plus_two/versions/122')) as { model_version_status: unknown[] };
    assert.equal(one.model_version_status.length, 1);
    assert.equal((await get('/v1/models/half_plus_two/labels/nonsense')).status, 200);
  });

  test('metadata gives the signatures of the version that predict would reach', async () => {
    const metadata = jsonOf(await get('/v1/models/half_plus_two/metadata')) as {
      model_spec: unknown;
      metadata: object;
    };
    assert.deepEqual(metadata.model_spec, { name: 'half_plus_two', signature_name: '', version: '123' });
    assert.match(JSON.stringify(metadata.metadata), /"x":\{"dtype":"DT_FLOAT"/);
    assert.equal((await get('/v1/models/half_plus_two/labels/nonsense/metadata')).status, 400);
  });

  test('metrics are text', async () => {
    const answer = await get('/monitoring/prometheus/metrics');
    assert.deepEqual(
      [answer.status, answer.headers.get('content-type'), answer.body.toString()],
      [200, 'text/plain', 'up 1\n'],
    );
  });

  test('HEAD is GET without the body, and leaves the connection in step', async () => {
    for (const path of ['/v1/models/half_plus_two', '/v1/models/unknown', '/monitoring/prometheus/metrics']) {
      const whole = await get(path);
      connection.get(path, [], 'HEAD');
      const head = await connection.answer(false);
      assert.deepEqual([head.status, head.headers.get('content-length')], [whole.status, String(whole.body.length)]);
    }
  });

  test('OPTIONS tells the methods', async () => {
    connection.get('/v1/models/half_plus_two:predict', [], 'OPTIONS');
    const answer = await connection.answer();
    assert.deepEqual([answer.status, answer.headers.get('allow'), answer.body.length], [200, 'POST, OPTIONS', 0]);
  });
});

describe('headers of the answer', () => {
  test('x-request-id comes back if it was sent, and only then', async () => {
    assert.equal((await get('/v1/models/half_plus_two', ['x-request-id: abc-1'])).headers.get('x-request-id'), 'abc-1');
    assert.equal((await get('/v1/models/unknown', ['X-Request-Id: abc-2'])).headers.get('x-request-id'), 'abc-2');
    assert.equal((await get('/v1/models/half_plus_two')).headers.has('x-request-id'), false);
    assert.equal(rest.records.at(-3)?.id, 'abc-1');
  });

  test('traceparent names our span in the trace of the caller', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const answer = await get('/v1/models/half_plus_two', [`traceparent: 00-${traceId}-00f067aa0ba902b7-01`]);
    const spanId = rest.records.at(-1)!.trace!.spanId;
    assert.equal(answer.headers.get('traceparent'), `00-${traceId}-${spanId}-01`);
    assert.equal((await get('/v1/models/half_plus_two')).headers.has('traceparent'), false);
    assert.equal((await get('/v1/models/half_plus_two', ['traceparent: nonsense'])).status, 200);
  });

  test('server-timing shows the stages', async () => {
    const answer = await post('/v1/models/half_plus_two:predict', '{"instances":[1]}');
    const stages = answer.headers
      .get('server-timing')!
      .split(', ')
      .map((part) => part.split(';dur=')[0]);
    assert.deepEqual(stages, ['receive', 'decode', 'admit', 'queue', 'batch', 'execute', 'split', 'encode']);
  });
});

test('each request leaves one record', async () => {
  const before = rest.records.length;
  const body = '{"instances":[[1,2],[3,4]]}';
  const answer = await post('/v1/models/half_plus_two:predict', body);
  assert.equal(rest.records.length, before + 1);
  const { surface, method, model, version, signatureName, rows, requestBytes, responseBytes, outcome, peer } =
    rest.records.at(-1)!;
  assert.deepEqual(
    { surface, method, model, version, signatureName, rows, requestBytes, responseBytes, outcome, peer },
    {
      surface: 'rest',
      method: 'Predict',
      model: 'half_plus_two',
      version: '123',
      signatureName: 'serving_default',
      rows: 2,
      requestBytes: body.length,
      responseBytes: answer.body.length,
      outcome: 'ok',
      peer: '127.0.0.1',
    },
  );
  assert.equal(rest.lifecycle.inFlight, 0);
});

test('a string output may hold anything that JSON must escape', async () => {
  rest.models.add('quotes', {
    behave: () => new Map([['y', stringTensor([1], [Buffer.from('"\\\n')])]]),
  });
  const answer = await post('/v1/models/quotes:predict', '{"instances":[1]}');
  assert.deepEqual(jsonOf(answer), { predictions: ['"\\\n'] });
});
