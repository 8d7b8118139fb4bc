import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { FREE_PORTS } from '../../../../bench/support/launcher.ts';
import { hasFeature } from '../../../support/has-feature.ts';
import { killSidecars, runPillion, startSidecar } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const HALF = '--model=half=examples/half_plus_two/models/half_plus_two';

after(killSidecars);

describe('generate', () => {
  it('answers with values by name, whole or as one event', async () => {
    const { rest } = await startSidecar([HALF]);
    const post = (path: string, body: string): Promise<Response> =>
      fetch(`${rest}/v2/models/half${path}`, { method: 'POST', body });
    const one = await post('/generate', '{"x": 2, "id": "g"}');
    assert.deepEqual(await one.json(), { id: 'g', model_name: 'half', model_version: '1', y: 3 });
    const several = await post('/versions/1/generate', '{"x": [2, 4]}');
    assert.deepEqual(((await several.json()) as { y: unknown }).y, [3, 4]);
    const events = await post('/generate_stream', '{"x": 2}');
    assert.equal(events.headers.get('content-type'), 'text/event-stream');
    assert.equal(await events.text(), 'data: {"model_name":"half","model_version":"1","y":3.0}\n\n');
    assert.equal((await post('/generate', '{"z": 2}')).status, 400);
    assert.equal((await fetch(`${rest}/v2/models/half/generate`)).status, 405);
    const late = await fetch(`${rest}/v2/models/half/generate`, {
      method: 'POST',
      headers: { 'grpc-timeout': '1n' },
      body: '{"x": 2}',
    });
    assert.equal(late.status, 504);
  });

  it('is answered by the fallback of a model that is not available', { skip: !hasFeature('fallback') }, async (t) => {
    const gone = `--model=gone=${join(tempDirectory(t), 'no')},fallback=half`;
    const sidecar = runPillion(['serve', ...FREE_PORTS, HALF, gone]);
    const { rest } = await sidecar.line(({ event }) => event === 'listening');
    await sidecar.line(({ model, state }) => model === 'half' && state === 'AVAILABLE');
    const post = (path: string, body: string, headers = {}): Promise<Response> =>
      fetch(`http://${(rest as string[])[0]}/v2/models/gone/${path}`, { method: 'POST', headers, body });
    const answer = await post('generate', '{"x": 2}');
    assert.equal(answer.headers.get('x-inference-served-by'), 'half/1; reason=fallback');
    assert.deepEqual(await answer.json(), { model_name: 'half', model_version: '1', y: 3 });
    assert.match(await (await post('generate_stream', '{"x": 2}')).text(), /^data: \{"model_name":"half"/);
    // The shape of a raw binary request is read of the signature, too.
    const raw = await post('infer', '\0\0\0\0', { 'inference-header-content-length': '0' });
    assert.equal(raw.headers.get('x-inference-served-by'), 'half/1; reason=fallback');
  });

  it('needs the permission to predict', { skip: !hasFeature('authorization') }, async (t) => {
    const file = join(tempDirectory(t), 'authorization.yaml');
    const key = 'a-key-of-more-than-thirty-two-characters';
    const hash = createHash('sha256').update(key).digest('hex');
    const rule = 'may: [{ models: [half], methods: [status] }]';
    writeFileSync(file, `principals: [{ name: looker, keys: ["sha256:${hash}"], ${rule} }]\n`);
    const { rest } = await startSidecar([HALF, `--authorization_file=${file}`]);
    const ask = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${rest}/v2/models/half/generate`, { method: 'POST', headers, body: '{"x": 2}' })).status;
    assert.deepEqual([await ask({}), await ask({ 'x-api-key': key })], [401, 403]);
  });
});
