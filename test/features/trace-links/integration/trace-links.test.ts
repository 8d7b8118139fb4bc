/** Links to traces: in lines of failed requests, in the pages of requests, and only where a trace is exported. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, test } from 'node:test';
import { FREE_PORTS } from '../../../../bench/support/launcher.ts';
import type { RequestEntry } from '../../../../src/admin/request-entry.ts';
import { hasFeature } from '../../../support/has-feature.ts';
import { killSidecars, runPillion, startSidecar } from '../../../support/sidecar.ts';

afterEach(killSidecars);

const MODEL = '--model=half_plus_two=examples/half_plus_two/models/half_plus_two';
const TEMPLATE = '--trace_url_template=http://jaeger:16686/trace/{trace_id}?uiFind={span_id}';

test('failed requests of exported traces have links, in the log and in GET /requests', async () => {
  const sidecar = await startSidecar([
    MODEL,
    TEMPLATE,
    ...(hasFeature('fronting') ? ['--app=http://127.0.0.1:1'] : []),
  ]);
  const traceId = randomBytes(16).toString('hex');
  const fail = async (flags: string, path = '/v1/models/half_plus_two:predict'): Promise<void> => {
    const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-${flags}` };
    assert.ok((await fetch(sidecar.rest + path, { method: 'POST', headers, body: 'nonsense' })).status >= 400);
  };
  await fail('01');
  await fail('00');
  const url = `http://jaeger:16686/trace/${traceId}?uiFind=00f067aa0ba902b7`;
  const { requests } = (await (await fetch(`${sidecar.admin}/requests`)).json()) as { requests: RequestEntry[] };
  assert.deepEqual(
    requests.map(({ trace_url }) => trace_url),
    [undefined, url],
  );
  if (hasFeature('fronting')) await fail('01', '/cart');
  assert.equal(await sidecar.stop(), 0);
  const lines = sidecar.lines.filter((line) => line['trace_id'] === traceId);
  const links = lines.map((line) => line['trace_url']);
  assert.deepEqual(links, hasFeature('fronting') ? [url, undefined, url] : [url, undefined]);
});

test('a template that is none ends the start', async () => {
  const pillion = runPillion(['serve', MODEL, ...FREE_PORTS, '--trace_url_template=http://jaeger/{trace}']);
  assert.notEqual(await pillion.exited, 0);
  assert.match(pillion.output(), /--trace_url_template: \{trace\} is not known; known are \{trace_id\}/);
});
