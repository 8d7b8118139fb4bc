/** `import { start } from 'pillion'`: the server and its models in the application's own process. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import * as ort from 'onnxruntime-node';
import {
  createApp,
  elements,
  type LocalPredict,
  type NumericTensor,
  numericTensor,
  type ServeFlags,
  ServingError,
  type StartedPillion,
  start,
  type Tensor,
} from '../../src/api/pillion.ts';
import { siblingModule } from '../../src/backends/host/sibling-module.ts';
import { FAKE_FILE, type FakeModel } from '../support/fake-backend.ts';
import { tempDirectory } from '../support/temp-directory.ts';

const DIGITS = 'examples/digits/models/digits';
const QUIET = { port: 0, rest_api_port: 0, admin_port: 0, bind_address: '127.0.0.1', log_level: 'silent' };
const SCANS = (JSON.parse(readFileSync(`${DIGITS}/1/samples.json`, 'utf8')) as { inputs: { pixels: number[] } }[]).map(
  ({ inputs }) => inputs.pixels,
);

async function started(t: TestContext, flags: ServeFlags): Promise<StartedPillion> {
  const pillion = await start({ ...QUIET, ...flags }, {});
  t.after(() => pillion.drain());
  return pillion;
}

/** A model whose runs take `ms`. */
function slowModel(t: TestContext, ms: number): string {
  const directory = tempDirectory(t);
  const model: FakeModel = {
    runMs: ms,
    signatures: {
      serving_default: {
        inputs: { x: { dtype: 'float32', shape: [-1, 2] } },
        outputs: { a: { copyOf: 'x' } },
        batchAxis: { kind: 'dynamic' },
      },
    },
  };
  mkdirSync(join(directory, '1'));
  writeFileSync(join(directory, '1', FAKE_FILE), JSON.stringify(model));
  return `slow=${directory},backend=${siblingModule(import.meta.url, '../support/fake-backend').href}`;
}

const hex = (tensor: Tensor | undefined): string => Buffer.from((tensor as NumericTensor).data).toString('hex');
const pixels = (scans: readonly (readonly number[])[]): NumericTensor =>
  numericTensor('float32', [scans.length, 64], Float32Array.from(scans.flat()));

async function assertRefused(answer: Promise<unknown>, kind: string, text: RegExp): Promise<void> {
  await assert.rejects(answer, (error) => {
    assert.ok(error instanceof ServingError);
    assert.equal(error.kind, kind, error.message);
    assert.match(error.message, text);
    return true;
  });
}

describe('a server in the application', () => {
  it("answers with the runtime's bits, as its REST port does", async (t) => {
    const pillion = await started(t, { model: [`digits=${DIGITS}`] });
    const session = await ort.InferenceSession.create(`${DIGITS}/1/model.onnx`);
    for (const scan of SCANS) {
      const input = pixels([scan]);
      const answer = await pillion.predict({ model: 'digits', inputs: { pixels: input } });
      const alone = await session.run({ pixels: new ort.Tensor('float32', Float32Array.from(scan), [1, 64]) });
      for (const name of ['probabilities', 'digit']) {
        const { buffer, byteOffset, byteLength } = alone[name]!.data as Float32Array;
        assert.equal(hex(answer.get(name)), Buffer.from(buffer, byteOffset, byteLength).toString('hex'));
      }
    }
    const all = await pillion.predict({
      model: 'digits',
      inputs: new Map([['pixels', pixels(SCANS)]]),
      outputs: ['digit'],
    });
    assert.deepEqual([...all.keys()], ['digit']);
    const [rest] = pillion.addresses.rest;
    const body = JSON.stringify({ inputs: { pixels: SCANS } });
    const posted = await fetch(`http://${rest}/v1/models/digits:predict`, { method: 'POST', body });
    const { outputs } = (await posted.json()) as { outputs: { digit: number[] } };
    assert.deepEqual([...elements(all.get('digit') as NumericTensor)].map(Number), outputs.digit);
  });

  it("gives outputs that are the application's own", async (t) => {
    const pillion = await started(t, { model: `digits=${DIGITS}` });
    const ask = () => pillion.predict({ model: 'digits', version: 1, inputs: { pixels: pixels(SCANS.slice(0, 2)) } });
    const first = (await ask()).get('probabilities') as NumericTensor;
    const bits = hex(first);
    first.data.fill(0);
    assert.equal(hex((await ask()).get('probabilities')), bits);
    assert.equal(first.data.buffer.byteLength, first.data.byteLength);
  });

  it('refuses a tensor that is not what it says, and an unknown model', async (t) => {
    const pillion = await started(t, { model: `digits=${DIGITS}` });
    const good = pixels(SCANS.slice(0, 1));
    const ask = (tensor: unknown, more: Partial<LocalPredict> = {}) =>
      pillion.predict({ model: 'digits', inputs: { pixels: tensor as Tensor }, ...more });
    await assertRefused(ask({ ...good, shape: [2, 64] }), 'invalid_request', /256 bytes; float32 \[2,64\] takes 512/);
    await assertRefused(ask({ ...good, shape: [-1, -64] }), 'invalid_request', /has no shape/);
    await assertRefused(ask({ ...good, shape: undefined }), 'invalid_request', /has no shape/);
    await assertRefused(ask({ ...good, dtype: 'float' }), 'invalid_request', /dtype "float"; there are float32/);
    await assertRefused(ask({ ...good, data: [1, 2] }), 'invalid_request', /numericTensor/);
    await assertRefused(ask({ dtype: 'string', shape: [1], data: ['a'] }), 'invalid_request', /Uint8Array for each/);
    await assertRefused(ask(good, { model: 'other' }), 'model_not_found', /"other"/);
    await assertRefused(ask(good, { version: 7 }), 'model_not_found', /version 7/);
    assert.equal((await ask(good)).size, 2);
  });

  it('keeps a timeout, and lets an application leave', async (t) => {
    const pillion = await started(t, { model: slowModel(t, 300) });
    const inputs = { x: numericTensor('float32', [1, 2], new Float32Array(2)) };
    const ask = (more: Partial<LocalPredict>) => pillion.predict({ model: 'slow', inputs, ...more });
    await assertRefused(ask({ timeoutMs: 30 }), 'deadline_exceeded', /30 ms/);
    await assertRefused(ask({ signal: AbortSignal.abort() }), 'cancelled', /closed/);
    const leaving = new AbortController();
    const left = ask({ signal: leaving.signal });
    setImmediate(() => leaving.abort());
    await assertRefused(left, 'cancelled', /closed/);
    assert.equal((await ask({ priority: 'critical' })).size, 1);
  });

  it('serves nothing after its drain, which waits for what is in flight', async (t) => {
    const pillion = await started(t, { model: slowModel(t, 50) });
    const inputs = { x: numericTensor('float32', [1, 2], new Float32Array(2)) };
    const answer = pillion.predict({ model: 'slow', inputs });
    await Promise.all([answer, pillion.drain()]);
    await assertRefused(pillion.predict({ model: 'slow', inputs }), 'draining', /./);
  });

  it('drains though it could not start, and does not start once it was drained', async (t) => {
    const flags = { ...QUIET, model: slowModel(t, 1) };
    const broken = createApp({ ...flags, bind_address: '192.0.2.1' }, {});
    await assert.rejects(broken.start(), /192\.0\.2\.1/);
    await broken.drain();
    const unused = createApp(flags, {});
    await unused.drain();
    await assertRefused(unused.start(), 'draining', /create another/);
  });

  it('lists every mistake of its options', () => {
    assert.throws(
      () => createApp({ port: 'many', no_such_flag: 1 } as ServeFlags, {}),
      /no_such_flag[\s\S]*port|port[\s\S]*no_such_flag/,
    );
  });
});
