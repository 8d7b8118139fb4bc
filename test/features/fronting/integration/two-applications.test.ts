/** An application of HTTP and one of gRPC behind one server: who gets which request, and what is told of each. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, type TestContext, test } from 'node:test';
import { freePort } from '../../../support/free-port.ts';
import { answerOf, frame, openCall, openSession } from '../../../support/raw-grpc.ts';
import { killSidecars, startSidecar } from '../../../support/sidecar.ts';
import { MetricsPage } from '../../../support/surface-sidecar.ts';

afterEach(killSidecars);

const MODEL = '--model=half_plus_two=examples/half_plus_two/models/half_plus_two';
const SERVING = frame(Buffer.from([0x08, 0x01]));

interface Apps {
  readonly http: string;
  readonly grpc: string;
  /** What each was asked, in order. */
  readonly asked: string[];
  isHttpWell: boolean;
  isGrpcWell: boolean;
}

async function portOf(server: Server | Http2Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function startApps(t: TestContext): Promise<Apps> {
  const asked: string[] = [];
  const http = createServer((request, response) => {
    if (request.url === '/metrics') response.setHeader('content-type', 'text/plain');
    else if (request.url !== '/healthz') asked.push(`http ${request.method} ${request.url}`);
    response.statusCode = request.url === '/healthz' && !apps.isHttpWell ? 503 : 200;
    response.end(request.url === '/metrics' ? 'web_pages_total 7\n' : 'a page');
  });
  const grpc = createHttp2Server();
  grpc.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => undefined).resume();
    const path = String(headers[':path']);
    if (path === '/grpc.health.v1.Health/Check' && !apps.isGrpcWell) {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '14' }, { endStream: true });
      return;
    }
    if (!path.includes('Health')) asked.push(`grpc ${path}`);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(SERVING);
  });
  const pages = createServer((_request, response) => {
    response.setHeader('content-type', 'application/openmetrics-text; version=1.0.0');
    response.end('# TYPE orders counter\norders_total 3\n# EOF\n');
  });
  t.after(() => {
    for (const server of [http, pages]) server.close().closeAllConnections();
    grpc.close();
  });
  const [web, orders, metrics] = [await portOf(http), await portOf(grpc), await portOf(pages)];
  const apps: Apps & { metrics: string } = {
    ...{ http: `http://127.0.0.1:${web}`, grpc: `grpc://127.0.0.1:${orders}`, metrics: `http://127.0.0.1:${metrics}` },
    ...{ asked, isHttpWell: true, isGrpcWell: true },
  };
  return apps;
}

async function answered(url: string, options: RequestInit = {}): Promise<readonly [number, string]> {
  const answer = await fetch(url, options);
  return [answer.status, await answer.text()];
}

test('requests go by their content-type, on a port for both and on two', async (t) => {
  const apps = await startApps(t);
  const port = await freePort();
  for (const ports of [[], [`--port=${port}`, `--rest_api_port=${port}`]]) {
    apps.asked.length = 0;
    const sidecar = await startSidecar([MODEL, `--app=${apps.grpc}`, `--app=${apps.http}`, ...ports]);
    assert.deepEqual(await answered(`${sidecar.rest}/index.html`), [200, 'a page']);
    const form = { method: 'POST', body: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
    assert.deepEqual(await answered(`${sidecar.rest}/shop.Orders/Get`, form), [200, 'a page']);
    const session = openSession(sidecar.grpc);
    const call = openCall(session, '/shop.Orders/Get');
    const answer = answerOf(call);
    call.end(frame(Buffer.from('one')));
    assert.deepEqual([(await answer).grpcStatus, (await answer).message?.toString('hex')], [0, '0801']);
    // HTTP/2 that is no call goes to the application of HTTP.
    const page = session.request({ ':path': '/over/http2' });
    assert.equal(await text(page), 'a page');
    session.destroy();
    assert.deepEqual(apps.asked, [
      'http GET /index.html',
      'http POST /shop.Orders/Get',
      'grpc /shop.Orders/Get',
      'http GET /over/http2',
    ]);
    const metrics = new MetricsPage(await (await fetch(`${sidecar.admin}/metrics`)).text());
    assert.equal(metrics.value('pillion_app_requests_total', { route: 'http' }), 3);
    assert.equal(metrics.value('pillion_app_requests_total', { route: 'grpc' }), 1);
    for (const app of ['http', 'grpc']) {
      assert.ok(metrics.value('pillion_app_connects_total', { app, outcome: 'ok' }) > 0, app);
      assert.ok(metrics.value('pillion_app_connections', { app }) > 0, app);
    }
    assert.equal(await sidecar.stop(), 0);
  }
});

test('readiness wants both, each asked in its own way', async (t) => {
  const apps = await startApps(t);
  apps.isGrpcWell = false;
  // The interval is also the most that a look may take: a pause of this process must not make an application unwell.
  const health = ['--app_health_path=/healthz', '--app_health_service=*', '--app_health_interval_ms=1000'];
  const two = [`--app=${apps.http}`, `--app=${apps.grpc}`, '--app_health_failures=1'];
  const sidecar = await startSidecar([MODEL, ...two, ...health]);
  const isReady = async (): Promise<boolean> => (await fetch(`${sidecar.admin}/ready`)).status === 200;
  await sidecar.line(({ event, app }) => event === 'app_well' && app === apps.http);
  const why = await (await fetch(`${sidecar.admin}/ready`)).text();
  assert.match(why, new RegExp(`the application at ${apps.grpc} is not well`));
  assert.equal(why.includes(apps.http), false);
  apps.isGrpcWell = true;
  await sidecar.line(({ event, app }) => event === 'app_well' && app === apps.grpc);
  assert.equal(await isReady(), true);
  apps.isHttpWell = false;
  await sidecar.line(({ event, app }) => event === 'app_not_well' && app === apps.http);
  assert.equal(await isReady(), false);
  assert.equal(await sidecar.stop(), 0);
});

test('one page has the metrics of both, in the format that all of it has', async (t) => {
  const apps = (await startApps(t)) as Apps & { readonly metrics: string };
  const urls = [`${apps.http}/metrics`, `${apps.metrics}/`];
  const sidecar = await startSidecar([
    ...[MODEL, `--app=${apps.http}`, `--app=${apps.grpc}`],
    ...urls.map((url) => `--app_metrics_url=${url}`),
  ]);
  const page = `${sidecar.rest}/monitoring/prometheus/metrics`;
  const plain = await answered(page, { headers: { accept: 'text/plain' } });
  assert.equal(plain[0], 200);
  assert.match(plain[1], /web_pages_total 7/);
  // The second has OpenMetrics alone, and the first has text alone.
  const open = await fetch(page, { headers: { accept: 'application/openmetrics-text;version=1.0.0' } });
  const whole = await open.text();
  assert.match(whole, /web_pages_total 7/);
  assert.equal(open.headers.get('content-type')!.startsWith('text/plain'), !whole.endsWith('# EOF\n'));
  const own = new MetricsPage(await (await fetch(`${sidecar.admin}/metrics`)).text());
  assert.equal(own.value('pillion_app_metrics_up', { url: urls[0]! }), 1);
  assert.equal(await sidecar.stop(), 0);
});
