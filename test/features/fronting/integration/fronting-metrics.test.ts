/** `--app_metrics_url`: one page with the metrics of this server and of the application. */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parseAppUrl } from '../../../../src/proxy/fronting/app/app-address.ts';
import { AppMetrics, type AppMetricsOptions } from '../../../../src/proxy/fronting/app/app-metrics.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
const OPENMETRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
const wantsOpenMetrics = (accept: string | undefined): boolean =>
  accept?.includes('application/openmetrics-text') === true;

const PROMETHEUS = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
const OPEN_ANSWER = { 'content-type': 'application/openmetrics-text; version=1.0.0; charset=utf-8' };
const TEXT_ANSWER = { 'content-type': 'text/plain; version=0.0.4' };
const TIMEOUT_MS = 100;
/** Published by node:http where a client has read the head of an answer. */
const HEAD_READ = 'http.client.response.finish';

const clock = new FakeClock();

let onRequest: RequestListener;
let asked: { readonly accept: string | undefined; readonly url: string }[] = [];
const app = createServer((request, response) => {
  asked.push({ accept: request.headers.accept, url: request.url! });
  onRequest(request, response);
});
await listening(app);
const URL_OF_APP = `http://127.0.0.1:${(app.address() as AddressInfo).port}/metrics?a=b`;

beforeEach(() => {
  asked = [];
});
after(() => {
  app.closeAllConnections();
  app.close();
});

async function listening(server: Server, at: string | number = 0): Promise<void> {
  await new Promise<void>((resolve) => {
    if (typeof at === 'string') server.listen(at, resolve);
    else server.listen(at, '127.0.0.1', resolve);
  });
}

function make(options: Partial<AppMetricsOptions> = {}, url = URL_OF_APP) {
  const changes: (readonly [boolean, string])[] = [];
  const dropped: (readonly string[])[] = [];
  const metrics = new AppMetrics({
    ...parseAppUrl(url),
    clock,
    own: async (accept) =>
      wantsOpenMetrics(accept)
        ? { contentType: OPENMETRICS_TYPE, text: 'ours 1.0\n# EOF\n' }
        : { contentType: PROMETHEUS_TYPE, text: 'ours 1\n' },
    onChange: (isUp, why) => changes.push([isUp, why]),
    onDropped: (names) => dropped.push(names),
    ...options,
  });
  return { metrics, changes, dropped };
}

test('both pages in the format that the client accepts', async () => {
  onRequest = ({ headers }, response) => {
    if (wantsOpenMetrics(headers.accept)) response.writeHead(200, OPEN_ANSWER).end('theirs 2.0\n# EOF\n');
    else response.writeHead(200, TEXT_ANSWER).end('theirs 2\n');
  };
  const { metrics, changes } = make();
  assert.deepEqual(await metrics.page(undefined), { contentType: PROMETHEUS_TYPE, text: 'ours 1\ntheirs 2\n' });
  const open = { contentType: OPENMETRICS_TYPE, text: 'ours 1.0\ntheirs 2.0\n# EOF\n' };
  assert.deepEqual(await metrics.page(PROMETHEUS), open);
  assert.deepEqual(
    asked.map(({ accept, url }) => [wantsOpenMetrics(accept), url]),
    [
      [false, '/metrics?a=b'],
      [true, '/metrics?a=b'],
    ],
  );
  assert.equal(metrics.isUp, true);
  assert.deepEqual(changes, []);
});

test('text where the application has nothing else', async () => {
  onRequest = (_request, response) => response.writeHead(200, TEXT_ANSWER).end('theirs 2\n');
  const { metrics } = make();
  assert.deepEqual(await metrics.page(PROMETHEUS), { contentType: PROMETHEUS_TYPE, text: 'ours 1\ntheirs 2\n' });
});

test('from a socket file', async (t) => {
  const path = join(tempDirectory(t), 'app.sock');
  const server = createServer((request, response) => response.end(`theirs{path="${request.url}"} 2\n`));
  await listening(server, path);
  const { metrics } = make({}, `unix:${path}:/m`);
  assert.equal((await metrics.page(undefined)).text, 'ours 1\ntheirs{path="/m"} 2\n');
  server.close();
});

test('names of ours are left out, and told once', async () => {
  onRequest = (_request, response) => response.end('ours 2\ntheirs 2\n');
  const { metrics, dropped } = make();
  for (let i = 0; i < 2; i++) assert.equal((await metrics.page(undefined)).text, 'ours 1\ntheirs 2\n');
  assert.deepEqual(dropped, [['ours']]);
  assert.equal(metrics.dropped, 1);
});

test('who asks at the same time gets the same answer of the application', async () => {
  onRequest = (_request, response) => response.end('theirs 2\n');
  const { metrics } = make();
  const pages = await Promise.all([1, 2, 3].map(() => metrics.page(undefined)));
  assert.ok(pages.every(({ text }) => text === 'ours 1\ntheirs 2\n'));
  assert.equal(asked.length, 1);
});

test('by one redirect within its host', async () => {
  const places = ['/metrics/', 'metrics/', '?a=c', `${new URL('/metrics/', URL_OF_APP)}`];
  for (const location of places) {
    asked = [];
    onRequest = ({ url }, response) => {
      if (url === '/metrics?a=b') response.writeHead(301, { location }).end();
      else response.end('theirs 2\n');
    };
    const { metrics, changes } = make();
    assert.equal((await metrics.page(undefined)).text, 'ours 1\ntheirs 2\n', location);
    assert.deepEqual([asked[1]!.url, changes], [location === '?a=c' ? '/metrics?a=c' : '/metrics/', []]);
  }
});

test('never by a second redirect, or one to another host, port or scheme', async () => {
  const { port } = app.address() as AddressInfo;
  const places = [
    '/again',
    'http://127.0.0.1:1/metrics',
    `http://localhost:${port}/m`,
    `https://127.0.0.1:${port}/m`,
    '//a/m',
  ];
  for (const location of [...places, 'http://[', '']) {
    asked = [];
    onRequest = (_request, response) => response.writeHead(302, { location }).end();
    const { metrics, changes } = make();
    assert.equal((await metrics.page(undefined)).text, 'ours 1\n', location);
    assert.match(changes[0]![1], /^status 302 to .*: one redirect within its host is followed$/);
    assert.ok(asked.length <= 2, location);
    assert.ok(asked.every(({ url }) => url.startsWith('/metrics') || url === '/again'));
  }
});

const FAILURES: Readonly<Record<string, readonly [RequestListener, RegExp]>> = {
  'an error': [(_request, response) => response.writeHead(500).end('theirs 2\n'), /^status 500$/],
  'a page for people': [
    (_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
    /^its page is text\/html; wanted is text\/plain or/,
  ],
  'lines that are none': [(_request, response) => response.end('theirs 2\nhello\n'), /^line 2 is no sample$/],
  'OpenMetrics that nobody asked for': [
    (_request, response) => response.writeHead(200, OPEN_ANSWER).end('theirs 2.0\n# EOF\n'),
    /answers in OpenMetrics, but was asked for text/,
  ],
  'compressed bytes': [
    (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('theirs 2\n')),
    /its page is in gzip/,
  ],
  'too much': [(_request, response) => response.end('a 1\n'.repeat(1000)), /its page is longer than 1000 bytes/],
  'no answer': [() => clock.advance(TIMEOUT_MS), /no whole page within 100 ms/],
  'an answer without an end': [
    (_request, response) => {
      const onHead = (): void => {
        unsubscribe(HEAD_READ, onHead);
        clock.advance(TIMEOUT_MS);
      };
      subscribe(HEAD_READ, onHead);
      response.write('theirs 2\n');
    },
    /no whole page within 100 ms/,
  ],
  'an answer that breaks off': [
    (request, response) => response.write('theirs 2\n', () => request.socket.destroy()),
    /aborted|ECONNRESET|hang up/,
  ],
  'no connection': [(request) => request.socket.destroy(), /hang up|ECONNRESET/],
};

for (const [what, [listener, why]] of Object.entries(FAILURES)) {
  test(`${what}: our page alone, told once, until it is well again`, async () => {
    onRequest = listener;
    const { metrics, changes } = make({ timeoutMs: TIMEOUT_MS, maxBytes: 1000 });
    for (let i = 0; i < 2; i++) assert.equal((await metrics.page(undefined)).text, 'ours 1\n');
    assert.deepEqual([metrics.isUp, changes.length], [false, 1]);
    assert.match(changes[0]![1], why);
    onRequest = (_request, response) => response.end('theirs 2\n');
    assert.equal((await metrics.page(undefined)).text, 'ours 1\ntheirs 2\n');
    assert.deepEqual(changes[1], [true, '']);
  });
}
