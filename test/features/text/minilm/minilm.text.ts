/** all-MiniLM-L6-v2 by its real weights, beside the same model in numpy: every protocol, many lengths at once. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { before, describe, it } from 'node:test';
import { localApp } from '../../../support/local-app.ts';
import { distance } from '../text-models.ts';

const {
  PILLION_TEST_TEXT_MODEL: base = '',
  PILLION_TEST_TEXT_WEIGHTS: weights = '',
  PILLION_TEST_PYTHON: python = '',
} = process.env;
/** Differences of embeddings of length 1: the graph computes in float32. */
const CLOSE = 1e-5;
const MODEL = `--model=minilm=${base}`;
const PATH = '/v1/models/minilm:predict';

const WORDS =
  'the sidecar keeps a deadline from wire to runtime and batches what may share one run 東京 naïve 😀'.split(' ');
/** Texts of 0 to 400 words, of which the longest are cut. */
const TEXTS = [
  ...['', 'Hello world', 'Größe, naïveté & 東京 — 😀👍🏽', '\t two\r\n lines\0', 'İstanbul ﬁne', 'a'.repeat(300)],
  ...Array.from({ length: 40 }, (_, i) =>
    Array.from({ length: (i * i) / 4 }, (__, j) => WORDS[(i * 7 + j * 3) % WORDS.length]).join(' '),
  ),
];

let wanted: readonly (readonly number[])[] = [];

before(() => {
  const script = join('test', 'features', 'text', 'minilm', 'reference.py');
  const { status, stdout, stderr } = spawnSync(python, [script, weights], {
    input: JSON.stringify(TEXTS),
    maxBuffer: 2 ** 26,
  });
  assert.equal(status, 0, String(stderr));
  wanted = JSON.parse(String(stdout));
});

function assertClose(rows: readonly (readonly number[])[]): void {
  assert.equal(rows.length, wanted.length);
  rows.forEach((row, i) => {
    const off = distance(row, wanted[i]!);
    assert.ok(off <= CLOSE, `${off} of ${JSON.stringify(TEXTS[i]!.slice(0, 40))}`);
  });
}

describe('all-MiniLM-L6-v2', () => {
  it('has the embeddings of its weights over REST, the Open Inference Protocol and gRPC', async (t) => {
    const app = await localApp(t, MODEL);
    assertClose((await app.post(PATH, { instances: TEXTS })).body.predictions);
    const input = { name: 'text', datatype: 'BYTES', shape: [TEXTS.length], data: TEXTS };
    const { body } = await app.post('/v2/models/minilm/infer', { inputs: [input] });
    const { data, shape } = body.outputs[0];
    assert.deepEqual(shape, [TEXTS.length, 384]);
    assertClose(TEXTS.map((_, i) => data.slice(384 * i, 384 * (i + 1))));
    const text = {
      dtype: 'DT_STRING',
      tensor_shape: { dim: [{ size: TEXTS.length }] },
      string_val: TEXTS.map((each) => Buffer.from(each)),
    };
    const request = { model_spec: { name: 'minilm' }, inputs: { text } };
    const answer = (await app.call('tensorflow.serving.PredictionService', 'Predict', request)) as unknown as {
      outputs: Record<string, { tensor_content: Buffer; float_val: number[] }>;
    };
    const { tensor_content: bytes, float_val: listed } = answer.outputs['embedding']!;
    const values =
      listed.length > 0 ? listed : Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
    assertClose(TEXTS.map((_, i) => values.slice(384 * i, 384 * (i + 1))));
  });

  it('has them where callers share runs, and while one of them sends a thousand texts', async (t) => {
    const app = await localApp(t, MODEL);
    let isOver = false;
    const many = app.post(PATH, {
      instances: Array.from({ length: 1000 }, (_, i) => `${TEXTS[i % 16]!.slice(0, 80)} ${i}`),
    });
    void many.then(() => {
      isOver = true;
    });
    const first = await app.post(PATH, { instances: [TEXTS[1]] });
    assert.ok(distance(first.body.predictions[0], wanted[1]!) <= CLOSE);
    assert.equal(isOver, false, 'one text has waited for a thousand');
    const singles = await Promise.all(TEXTS.map((text) => app.post(PATH, { instances: [text] })));
    assertClose(singles.map(({ body }) => body.predictions[0]));
    const answer = await many;
    assert.equal(answer.body.predictions?.length, 1000, JSON.stringify(answer.body).slice(0, 300));
  });
});
