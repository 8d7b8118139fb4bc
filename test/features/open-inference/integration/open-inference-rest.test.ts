/** What the Open Inference Protocol answers over REST, over real sockets: every path, every form of a tensor. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { after, before, describe, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { elements, type NumericTensor } from '../../../../src/core/tensor.ts';
import { affine, never, type PuppetRunner, signature, spec } from '../../../support/puppet-models.ts';
import { errorOf, jsonOf, type RawAnswer, type RawConnection, RestHarness } from '../../../support/rest-harness.ts';

const rest = new RestHarness({ server: { compressFromBytes: 1 } });
let connection: RawConnection;
let slow: PuppetRunner;

const LENGTH = 'inference-header-content-length';
const X = '{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}';

before(async () => {
  const float = signature({ x: spec('float32', [-1, 2]) }, { y: spec('float32', [-1, 2]) });
  const none = { kind: 'none' } as const;
  rest.models.add('half', {
    behave: affine(0.5, 2),
    version: 7n,
    labels: ['stable'],
    signatures: { serving_default: float },
  });
  rest.models.add('half', { behave: affine(1, 0), version: 6n, signatures: { serving_default: float } });
  rest.models.add('text', {
    signatures: { serving_default: signature({ t: spec('string', [-1]) }, { t: spec('string', [-1]) }) },
  });
  rest.models.add('word', {
    signatures: { serving_default: signature({ t: spec('string', [1]) }, { t: spec('string', [1]) }, none) },
  });
  rest.models.add('small', {
    signatures: { serving_default: signature({ h: spec('float16', [-1]) }, { h: spec('float16', [-1]) }) },
  });
  rest.models.add('two', {
    behave: ({ inputs, outputs }) => new Map(outputs.map((name) => [name, inputs.get(name === 'c' ? 'a' : 'b')!])),
    signatures: {
      serving_default: signature(
        { a: spec('int64', [-1]), b: spec('bool', [-1]) },
        { c: spec('int64', [-1]), d: spec('bool', [-1]) },
      ),
    },
  });
  slow = rest.models.add('slow', { behave: never });
  rest.models.add('loading', { state: 'LOADING' });
  await rest.listen();
  connection = await rest.connect();
});

after(() => rest.close());

async function post(path: string, body: string | Uint8Array, headers: readonly string[] = []): Promise<RawAnswer> {
  connection.post(path, body, headers);
  return connection.answer();
}

async function get(path: string, method = 'GET'): Promise<RawAnswer> {
  connection.get(path, [], method);
  return connection.answer(method !== 'HEAD');
}

/** JSON with bytes behind it. */
function binary(path: string, json: string, tail: Uint8Array): Promise<RawAnswer> {
  const head = Buffer.from(json);
  return post(path, Buffer.concat([head, tail]), [`${LENGTH}: ${head.length}`]);
}

/** The JSON of an answer, and what is behind it. */
function parts({ headers, body }: RawAnswer): { readonly json: unknown; readonly tail: Buffer } {
  const length = Number(headers.get(LENGTH) ?? body.length);
  return { json: JSON.parse(body.toString('utf8', 0, length)), tail: body.subarray(length) };
}

function floats(...values: number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer);
}

describe('infer', () => {
  test('in JSON', async () => {
    const answer = await post('/v2/models/half/infer', `{"id":"42","inputs":[${X}]}`);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), 'application/json');
    assert.equal(answer.headers.get(LENGTH), undefined);
    assert.equal(answer.headers.get('x-pillion-model-version'), '7');
    assert.equal(
      answer.body.toString('utf8'),
      '{"id":"42","model_name":"half","model_version":"7","outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[2.5,3.0]}]}',
    );
  });

  test('a version, or a label, in the path; a query is ignored', async () => {
    for (const [path, version] of [
      ['/v2/models/half/versions/6/infer', '6'],
      ['/v2/models/half/versions/stable/infer', '7'],
      ['/v2/models/half/infer?a=b', '7'],
    ] as const) {
      const answer = jsonOf(await post(path, `{"inputs":[${X}]}`)) as { model_version: string };
      assert.equal(answer.model_version, version);
    }
  });

  test('binary in, JSON out; JSON in, binary out; both', async () => {
    const input = '"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]';
    const json = await binary('/v2/models/half/infer', `{${input}}`, floats(1, 2));
    assert.deepEqual((jsonOf(json) as { outputs: unknown }).outputs, [
      { name: 'y', datatype: 'FP32', shape: [1, 2], data: [2.5, 3] },
    ]);
    const outputs = '"outputs":[{"name":"y","parameters":{"binary_data":true}}]';
    for (const wish of [outputs, '"parameters":{"binary_data_output":true}']) {
      for (const answer of [
        await post('/v2/models/half/infer', `{"inputs":[${X}],${wish}}`),
        await binary('/v2/models/half/infer', `{${input},${wish}}`, floats(1, 2)),
      ]) {
        assert.equal(answer.headers.get('content-type'), 'application/octet-stream');
        const { json: head, tail } = parts(answer);
        assert.deepEqual(head, {
          model_name: 'half',
          model_version: '7',
          outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } }],
        });
        assert.deepEqual(tail, floats(2.5, 3));
      }
    }
  });

  test('one output in JSON and one behind it, in the order of the request', async () => {
    const inputs =
      '"inputs":[{"name":"a","shape":[2],"datatype":"INT64","data":[1,-9007199254740993]},' +
      '{"name":"b","shape":[2],"datatype":"BOOL","data":[true,false]}]';
    const outputs = '"outputs":[{"name":"d","parameters":{"binary_data":true}},{"name":"c"}]';
    const answer = await post('/v2/models/two/infer', `{${inputs},${outputs}}`);
    const { tail } = parts(answer);
    const text = answer.body.toString('utf8', 0, answer.body.length - tail.length);
    assert.match(
      text,
      /"outputs":\[\{"name":"d",.*\{"name":"c","datatype":"INT64","shape":\[2\],"data":\[1,-9007199254740993\]\}\]/,
    );
    assert.deepEqual([...tail], [1, 0]);
  });

  test('BYTES in JSON and as binary data', async () => {
    const json = '{"inputs":[{"name":"t","shape":[2],"datatype":"BYTES","data":["é","b\\u0000"]}]}';
    const answer = await post('/v2/models/text/infer', json);
    assert.match(answer.body.toString('utf8'), /"data":\["é","b\\u0000"\]/);
    const raw = Buffer.from([1, 0, 0, 0, 255, 0, 0, 0, 0]);
    const wish = '"parameters":{"binary_data_output":true}';
    const head = `{"inputs":[{"name":"t","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":9}}],${wish}}`;
    assert.deepEqual(parts(await binary('/v2/models/text/infer', head, raw)).tail, raw);
  });

  test('FP16 has a binary form alone', async () => {
    const half = Buffer.from([0, 0x3c]);
    const head = (wish: string): string =>
      `{"inputs":[{"name":"h","shape":[1],"datatype":"FP16","parameters":{"binary_data_size":2}}]${wish}}`;
    const answer = await binary('/v2/models/small/infer', head(',"parameters":{"binary_data_output":true}'), half);
    assert.deepEqual(parts(answer).tail, half);
    const refused = await binary('/v2/models/small/infer', head(''), half);
    assert.equal(refused.status, 400);
    assert.match(errorOf(refused), /FP16.*binary/);
  });

  test('a raw binary request is the data of the only input', async () => {
    const answer = await post('/v2/models/half/infer', floats(1, 2), [`${LENGTH}: 0`]);
    assert.deepEqual(parts(answer).tail, floats(2.5, 3));
    const word = await post('/v2/models/word/infer', 'hello', [`${LENGTH}: 0`]);
    assert.deepEqual(parts(word).tail, Buffer.from('\u0005\0\0\0hello'));
    const short = await post('/v2/models/half/infer', Buffer.alloc(4), [`${LENGTH}: 0`]);
    assert.match(errorOf(short), /4 bytes/);
    assert.match(
      errorOf(await post('/v2/models/two/infer', Buffer.alloc(4), [`${LENGTH}: 0`])),
      /must only have 1 input/,
    );
  });

  test('the length of the JSON', async () => {
    for (const [value, text] of [
      ['-1', /range \(0, /],
      ['1000000', /range \(0, /],
      ['99999999999999999999999', /Unable to parse/],
      ['4x', /Unable to parse Inference-Header-Content-Length, got/],
      ['1.5', /Unable to parse/],
      ['', /Unable to parse/],
    ] as const) {
      const answer = await post('/v2/models/half/infer', `{"inputs":[${X}]}`, [`${LENGTH}: ${value}`]);
      assert.equal(answer.status, 400);
      assert.match(errorOf(answer), text);
    }
    const twice = await post('/v2/models/half/infer', `{"inputs":[${X}]}`, [`${LENGTH}: 5`, `${LENGTH}: 5`]);
    assert.match(errorOf(twice), /Unable to parse/);
  });

  test('compressed both ways; the length is of the JSON as it is', async () => {
    const head = Buffer.from(
      '{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}],"parameters":{"binary_data_output":true}}',
    );
    const body = gzipSync(Buffer.concat([head, floats(1, 2)]));
    const answer = await post('/v2/models/half/infer', body, [
      'content-encoding: gzip',
      `${LENGTH}: ${head.length}`,
      'accept-encoding: gzip',
    ]);
    assert.equal(answer.status, 200, answer.body.toString('latin1'));
    const isSmaller = answer.headers.get('content-encoding') === 'gzip';
    const plain = isSmaller ? gunzipSync(answer.body) : answer.body;
    assert.deepEqual(parts({ ...answer, body: plain }).tail, floats(2.5, 3));
    // Triton's client says that it accepts br, and cannot read it.
    const long = `{"id":"${'a'.repeat(2000)}","inputs":[${X}]}`;
    const most = await post('/v2/models/half/infer', long, ['accept-encoding: gzip, deflate, br, zstd']);
    assert.equal(most.headers.get('content-encoding'), 'gzip');
    const other = await post('/v2/models/half/infer', 'x', ['content-encoding: lzma']);
    assert.equal(other.status, 501);
  });

  test('a chunked body', async () => {
    const json = `{"inputs":[${X}]}`;
    const chunks = [json.slice(0, 5), json.slice(5)]
      .map((each) => `${each.length.toString(16)}\r\n${each}\r\n`)
      .join('');
    connection.send(
      `POST /v2/models/half/infer HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
    );
    assert.equal((await connection.answer()).status, 200);
  });

  test('the timeout is a deadline', async () => {
    const float = '{"name":"x","shape":[1],"datatype":"FP32","data":[1]}';
    connection.post('/v2/models/slow/infer', `{"inputs":[${float}],"parameters":{"timeout":5000}}`);
    while (slow.requests.length === 0) await new Promise(setImmediate);
    rest.clock.advance(6);
    const answer = await connection.answer();
    assert.equal(answer.status, 504);
  });

  test('what is refused, and how', async () => {
    const cases: readonly [string, string, number, RegExp][] = [
      ['/v2/models/nobody/infer', `{"inputs":[${X}]}`, 404, /nobody/],
      ['/v2/models/half/versions/9/infer', `{"inputs":[${X}]}`, 404, /9/],
      ['/v2/models/loading/infer', `{"inputs":[${X}]}`, 404, /loading/],
      ['/v2/models/half/infer', '{', 400, /JSON/],
      ['/v2/models/half/infer', '{"inputs":[]}', 400, /wants the inputs "x"/],
      ['/v2/models/half/infer', `{"inputs":[${X}],"outputs":[{"name":"z"}]}`, 400, /outputs names "z"/],
      ['/v2/models/half/infer', `{"inputs":[${X.replace('FP32', 'INT32')}]}`, 400, /is INT32.*wants FP32/],
      ['/v2/models/half/infer', `{"inputs":[${X}],"parameters":{"sequence_id":3}}`, 400, /keeps no state/],
      ['/v2/models/half/infer', `{"inputs":[${X}],"parameters":{"priority":-1}}`, 400, /priority/],
      ['/v2/models/half/infer', `{"inputs":[${X}],"parameters":{"triton_a":1}}`, 400, /triton_/],
      ['/v2/models/half/infer', `{"inputs":[${X}],"parameters":{"binary_data_output":1}}`, 400, /binary_data_output/],
    ];
    for (const [path, body, status, text] of cases) {
      const answer = await post(path, body);
      assert.equal(answer.status, status, `${path} ${body} ${answer.body}`);
      assert.match(errorOf(answer), text);
      assert.equal(answer.headers.get('content-type'), 'application/json');
    }
  });

  test('an output as its best classes', async () => {
    const input = '{"name":"x","shape":[2,2],"datatype":"FP32","data":[1,2,4,3]}';
    const outputs = '"outputs":[{"name":"y","parameters":{"classification":1}}]';
    const answer = await post('/v2/models/half/infer', `{"inputs":[${input}],${outputs}}`);
    assert.deepEqual((jsonOf(answer) as { outputs: unknown }).outputs, [
      { name: 'y', datatype: 'BYTES', shape: [2, 1], data: ['3.000000:1', '4.000000:0'] },
    ]);
    const none = '"outputs":[{"name":"t","parameters":{"classification":1}}]';
    const text = '{"name":"t","shape":[1],"datatype":"BYTES","data":["a"]}';
    assert.match(errorOf(await post('/v2/models/text/infer', `{"inputs":[${text}],${none}}`)), /BYTES.*classes/);
  });

  test('its record is one of ModelInfer', async () => {
    const before = rest.records.length;
    await post('/v2/models/half/infer', `{"inputs":[${X}],"parameters":{"priority":1}}`);
    const record = rest.records[before]!;
    assert.deepEqual([record.method, record.model, record.version, record.outcome], ['ModelInfer', 'half', '7', 'ok']);
    const input = rest.models.acquire('half', {}).servable;
    assert.equal(input.name, 'half');
  });
});

test('the same bits as in TensorFlow Serving’s API', async () => {
  const values = [0.1, -1e-42, 3.4e38, 16777217];
  const rows = `[[${values[0]},${values[1]}],[${values[2]},${values[3]}]]`;
  const serving = jsonOf(await post('/v1/models/half/versions/6:predict', `{"instances":${rows}}`));
  const input = `{"name":"x","shape":[2,2],"datatype":"FP32","data":${rows}}`;
  const answer = jsonOf(await post('/v2/models/half/versions/6/infer', `{"inputs":[${input}]}`));
  assert.deepEqual(
    (answer as { outputs: { data: number[] }[] }).outputs[0]!.data,
    (serving as { predictions: number[][] }).predictions.flat(),
  );
  const runner = rest.models.find('half', { version: 6n })!.runner as unknown as {
    requests: { inputs: ReadonlyMap<string, NumericTensor> }[];
  };
  const [first, second] = runner.requests.slice(-2).map(({ inputs }) => inputs.get('x')!);
  assert.deepEqual(first!.data, second!.data);
  assert.equal(elements(first!).length, 4);
});

describe('lookups', () => {
  test('health of the server is told by status and by body', async () => {
    for (const [path, body] of [
      ['/v2/health/live', '{"live":true}'],
      ['/v2/health/ready', '{"ready":true}'],
    ] as const) {
      const answer = await get(path);
      assert.equal(answer.status, 200, path);
      assert.equal(answer.body.toString(), body);
      assert.equal(answer.headers.get('content-type'), 'application/json');
      const head = await get(path, 'HEAD');
      assert.equal(head.status, 200);
      assert.equal(head.body.length, 0);
    }
    const unready = async (problem: string): Promise<void> => {
      const { status, body } = await get('/v2/health/ready');
      assert.deepEqual([status, body.toString()], [400, `{"ready":false,"error":"not ready: ${problem}"}`]);
    };
    rest.readiness.setModelsReady(false);
    await unready('loading models');
    rest.readiness.setModelsReady(true);
    rest.readiness.setAppReady(false);
    await unready('waiting for the application');
    rest.readiness.setAppReady(true);
    assert.equal((await get('/v2/health/ready')).status, 200);
  });

  test('readiness of a model has an empty body', async () => {
    for (const path of ['/v2/models/half/ready', '/v2/models/half/versions/6/ready']) {
      const answer = await get(path);
      assert.equal(answer.status, 200, path);
      assert.equal(answer.body.length, 0);
      assert.equal((await get(path, 'HEAD')).status, 200);
    }
    for (const path of ['/v2/models/nobody/ready', '/v2/models/half/versions/9/ready', '/v2/models/loading/ready']) {
      const answer = await get(path);
      assert.equal(answer.status, 400, path);
      assert.match(errorOf(answer), /not ready/);
    }
    const unlabelled = await get('/v2/models/half/versions/nolabel/ready');
    assert.equal(unlabelled.status, 404);
    assert.match(errorOf(unlabelled), /has no label "nolabel"/);
  });

  test('metadata of the server and of models', async () => {
    const server = jsonOf(await get('/v2')) as { name: string; extensions: string[] };
    assert.equal(server.name, 'pillion');
    assert.ok(server.extensions.includes('binary_tensor_data'));
    const answer = jsonOf(await get('/v2/models/half'));
    assert.deepEqual(answer, {
      name: 'half',
      versions: ['6', '7'],
      platform: '',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
    });
    assert.equal((await get('/v2/models/nobody')).status, 404);
  });

  test('configuration and statistics', async () => {
    const config = jsonOf(await get('/v2/models/two/config')) as { input: Readonly<Record<string, unknown>>[] };
    assert.deepEqual(
      config.input.map(({ name, data_type, dims, optional }) => [name, data_type, dims, optional]),
      [
        ['a', 'TYPE_INT64', [-1], false],
        ['b', 'TYPE_BOOL', [-1], false],
      ],
    );
    const one = jsonOf(await get('/v2/models/half/versions/6/stats')) as { model_stats: { name: string }[] };
    assert.deepEqual(
      one.model_stats.map(({ name }) => name),
      ['half'],
    );
    const all = jsonOf(await get('/v2/models/stats')) as { model_stats: unknown[] };
    assert.equal(all.model_stats.length, 7);
  });

  test('the repository', async () => {
    const index = jsonOf(await post('/v2/repository/index', '')) as { name: string; state: string }[];
    assert.ok(index.some(({ name, state }) => name === 'loading' && state === 'LOADING'));
    const ready = jsonOf(await post('/v2/repository/index', '{"ready":true}')) as { state: string }[];
    assert.deepEqual(new Set(ready.map(({ state }) => state)), new Set(['READY']));
    assert.equal((await post('/v2/repository/index', '{"ready":1}')).status, 400);
    const load = await post('/v2/repository/models/half/load', '{}');
    assert.equal(load.status, 501);
    assert.match(errorOf(load), /--model_control_mode=explicit/);
    assert.equal((await post('/v2/repository/other/index', '')).status, 200);
  });

  test('settings are read only', async () => {
    assert.deepEqual((jsonOf(await get('/v2/trace/setting')) as { trace_level: string[] }).trace_level, ['OFF']);
    assert.equal((await get('/v2/models/half/trace/setting')).status, 200);
    assert.equal((jsonOf(await get('/v2/logging')) as { log_info: boolean }).log_info, true);
    assert.equal((await post('/v2/logging', '{}')).status, 200);
    assert.equal((await post('/v2/trace/setting', '{"trace_rate":null}')).status, 200);
    for (const [path, body] of [
      ['/v2/logging', '{"log_file":"/etc/passwd"}'],
      ['/v2/trace/setting', '{"trace_file":"/etc/passwd"}'],
    ] as const) {
      const answer = await post(path, body);
      assert.equal(answer.status, 501);
      assert.match(errorOf(answer), /cannot be changed/);
    }
  });

  test('there is no shared memory', async () => {
    assert.equal((await get('/v2/systemsharedmemory/status')).status, 501);
    assert.equal((await get('/v2/cudasharedmemory/region/r/status')).status, 404);
    assert.deepEqual(jsonOf(await get('/v2/cudasharedmemory/status')), []);
    assert.equal((await post('/v2/systemsharedmemory/region/r/register', '{}')).status, 501);
    assert.equal((await post('/v2/cudasharedmemory/region/r/register', '{}')).status, 501);
    assert.equal((await post('/v2/cudasharedmemory/unregister', '')).status, 200);
  });

  test('paths and methods that are not there', async () => {
    assert.equal((await get('/v2/health/x')).status, 404);
    assert.equal((await get('/V2')).status, 404);
    assert.equal((await get('/v2/')).status, 404);
    assert.equal((await get('/v2/models/half%zz')).status, 400);
    const wrong = await get('/v2/models/half/infer');
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers.get('allow'), 'POST, OPTIONS');
    assert.equal((await get('/v2/logging', 'OPTIONS')).headers.get('allow'), 'GET, HEAD, POST, OPTIONS');
  });
});
