/** The REST flags of `pillion serve` on the real thing: CORS, compressed answers, tensor_content in protobuf answers. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { request } from 'node:http';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { decode, encode } from '../support/proto-registry.ts';
import { DIGITS, killSidecars, startSidecar } from '../support/sidecar.ts';

after(killSidecars);

const ROWS = 20;
const SCANS = JSON.stringify({ instances: new Array(ROWS).fill(new Array<number>(64).fill(0.5)) });

interface Got {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** As it comes: fetch would decode it. */
function post(url: string, body: string | Uint8Array, headers: Record<string, string> = {}): Promise<Got> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method: 'POST', headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    call.on('error', reject);
    call.end(body);
  });
}

test('each flag does on a real model what it says', async () => {
  const sidecar = await startSidecar([
    ...DIGITS,
    '--rest_api_enable_cors_support',
    '--rest_compress_from_bytes=1000',
    '--enable_serialization_as_tensor_content',
  ]);
  const url = `${sidecar.rest}/v1/models/digits:predict`;
  const plain = await post(url, SCANS);
  assert.equal(plain.headers['access-control-allow-origin'], '*');
  assert.equal(plain.headers['x-pillion-model-version'], '1');
  const gzipped = await post(url, SCANS, { 'accept-encoding': 'gzip' });
  assert.deepEqual([gzipped.headers['content-encoding'], gzipped.headers['vary']], ['gzip', 'accept-encoding']);
  assert.deepEqual(gunzipSync(gzipped.body), plain.body);
  assert.ok(gzipped.body.length < plain.body.length);

  const pixels = { dtype: 1, tensorShape: { dim: [{ size: 1n }, { size: 64n }] }, floatVal: new Array(64).fill(0.5) };
  const message = encode('tensorflow.serving.PredictRequest', { inputs: { pixels } });
  const answer = await post(url, message, { 'content-type': 'application/x-protobuf' });
  assert.equal(answer.headers['content-type'], 'application/x-protobuf');
  const { outputs } = decode('tensorflow.serving.PredictResponse', answer.body) as unknown as {
    outputs: Record<string, { tensorContent: Uint8Array }>;
  };
  const { predictions } = JSON.parse(plain.body.toString()) as { predictions: { probabilities: number[] }[] };
  const { buffer, byteOffset } = Buffer.from(outputs['probabilities']!.tensorContent);
  const floats = new Float32Array(buffer.slice(byteOffset, byteOffset + 40));
  assert.deepEqual([...floats], predictions[0]!.probabilities.map(Math.fround));

  const { models } = (await (await fetch(`${sidecar.rest}/v1/models`)).json()) as { models: { name: string }[] };
  assert.deepEqual(
    models.map(({ name }) => name),
    ['digits'],
  );
  assert.equal(await sidecar.stop(), 0);
});

test('columnar inputs with a name that the signature lacks are refused, or the name is ignored', async () => {
  const columns = (more: object): string => JSON.stringify({ inputs: { pixels: [new Array(64).fill(0.5)], ...more } });
  // The second body is read on a thread of its own.
  const bodies = [columns({ nothing: [1] }), columns({ nothing: new Array(500_000).fill(1) })];
  const [strict, lenient] = [await startSidecar(DIGITS), await startSidecar([...DIGITS, '--ignore_unknown_inputs'])];
  const ask = (rest: string, body: string) => post(`${rest}/v1/models/digits:predict`, body);
  const wanted = (await ask(strict.rest, columns({}))).body.toString();
  for (const body of bodies) {
    const refused = await ask(strict.rest, body);
    assert.equal(refused.status, 400);
    assert.match(refused.body.toString(), /has the key \\"nothing\\", but the signature's inputs are/);
    assert.equal((await ask(lenient.rest, body)).body.toString(), wanted);
  }
  // The signature's own names count as before.
  assert.equal((await ask(lenient.rest, '{"inputs":{"nothing":[1]}}')).status, 400);
  assert.equal((await ask(lenient.rest, '{"instances":[{"pixels":[1],"nothing":1}]}')).status, 400);
  for (const sidecar of [strict, lenient]) assert.equal(await sidecar.stop(), 0);
});
