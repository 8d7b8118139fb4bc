/** A page that asks a model over TLS: Chromium speaks HTTP/2 where a port offers it. */
import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { ConfigFiles } from '../support/config-files.ts';
import { freePort } from '../support/free-port.ts';
import { selfSigned } from '../support/self-signed.ts';
import { DIGITS, killSidecars, startSidecar } from '../support/sidecar.ts';
import { MetricsPage } from '../support/surface-sidecar.ts';
import { openPage } from './browser.ts';

after(killSidecars);

const ASK = `async (origin) => {
  const asked = async (path, options) => {
    const answer = await fetch(origin + path, options);
    return [answer.status, await answer.json()];
  };
  const body = JSON.stringify({ instances: [new Array(64).fill(0)] });
  const headers = { 'content-type': 'application/json', 'x-request-id': 'page-1' };
  const predicted = await asked('/v1/models/digits:predict', { method: 'POST', body, headers });
  const live = await asked('/v2/health/live');
  const refused = await asked('/v1/models/nobody:predict', { method: 'POST', body, headers });
  // The text of a stream of one event.
  const input = { pixels: new Array(64).fill(0) };
  const generated = await fetch(origin + '/v2/models/digits/generate_stream', { method: 'POST', body: JSON.stringify(input) });
  const entries = performance.getEntriesByType('resource').filter(({ name }) => name.endsWith(':predict'));
  const protocols = entries.map((each) => each.nextHopProtocol);
  return { predicted, live, refused, generated: [generated.status, await generated.text()], protocols };
}`;

it('asks models over HTTP/2, from the server’s own origin and from another', async (t) => {
  const { key, cert } = selfSigned();
  const files = new ConfigFiles(t);
  const tls = [`--tls_cert_file=${files.write('tls.crt', cert)}`, `--tls_key_file=${files.write('tls.key', key)}`];
  const port = await freePort();
  const joined = [`--port=${port}`, `--rest_api_port=${port}`, '--rest_api_enable_cors_support'];
  const sidecar = await startSidecar([...DIGITS, ...tls, ...joined]);
  const origin = `https://localhost:${port}`;
  for (const from of [`${origin}/v1/models/digits`, `https://127.0.0.1:${port}/v1/models/digits`]) {
    const page = await openPage(t, from, { isCertificateTaken: true, allowed: /404|favicon/ });
    const seen = (await page.evaluate(`(${ASK})(${JSON.stringify(origin)})`)) as Record<string, readonly unknown[]>;
    assert.equal(seen['predicted']![0], 200, JSON.stringify(seen));
    assert.equal((seen['predicted']![1] as { predictions: unknown[] }).predictions.length, 1);
    assert.deepEqual(seen['live'], [200, { live: true }]);
    assert.equal(seen['refused']![0], 404);
    assert.match((seen['refused']![1] as { error: string }).error, /nobody/);
    assert.equal(seen['generated']![0], 200, String(seen['generated']));
    assert.match(String(seen['generated']![1]), /^data: \{/);
    // A page of another origin is not told.
    if (from.startsWith(origin)) assert.equal(seen['protocols']![0], 'h2');
  }
  const page = new MetricsPage(await (await fetch(`${sidecar.admin}/metrics`)).text());
  assert.equal(page.value('pillion_joined_connections_total', { outcome: 'http1' }), 0);
  assert.equal(await sidecar.stop(), 0);
});
