/** How calls to the application ended, as spans, metrics and the access log of a real server tell it. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { createServer, type Http2Server, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, type TestContext, test } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { hasFeature } from '../../../support/has-feature.ts';
import { type ReceivedSpan, startHttpReceiver } from '../../../support/otlp-receiver.ts';
import { killSidecars, type LogLine, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

afterEach(killSidecars);

const MODEL = '--model=half_plus_two=examples/half_plus_two/models/half_plus_two';
const same = (bytes: Buffer): Buffer => bytes;
const METHOD = {
  path: '/shop.Orders/Get',
  ...{ requestStream: false, responseStream: false, requestSerialize: same, requestDeserialize: same },
  ...{ responseSerialize: same, responseDeserialize: same },
};

/** A real server of gRPC whose one method answers with the status that it is asked for. */
async function startOrders(t: TestContext): Promise<string> {
  const server = new grpc.Server();
  server.addService(
    { get: METHOD },
    {
      get: ({ request }: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
        const code = Number(request.toString());
        if (code === 0) done(null, request);
        else done({ code, details: 'nö: 100%' });
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  t.after(() => server.forceShutdown());
  return `h2c://127.0.0.1:${port}`;
}

/** A server of HTTP/2 that answers as `onStream` does. */
async function startOddApp(
  t: TestContext,
  onStream: (stream: ServerHttp2Stream, path: string) => void,
): Promise<string> {
  const server: Http2Server = createServer();
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    onStream(stream, String(headers[':path']));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `h2c://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Told {
  readonly spans: readonly ReceivedSpan[];
  readonly lines: readonly LogLine[];
  /** Lines of pillion_app_requests_total. */
  readonly counts: readonly string[];
  readonly log: readonly LogLine[];
  readonly port: number;
}

/** Has a client ask through a sidecar in front of `app`, and gives all that is told of it. */
async function toldOf(t: TestContext, app: string, ask: (client: grpc.Client) => Promise<void>): Promise<Told> {
  const receiver = await startHttpReceiver();
  t.after(() => receiver.close());
  const file = join(tempDirectory(t), 'access.log');
  const sidecar: Sidecar = await startSidecar([MODEL, `--app=${app}`, `--access_log=${file}`], {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
  });
  const client = new grpc.Client(sidecar.grpc, grpc.credentials.createInsecure(), { 'grpc.enable_retries': 0 });
  await ask(client);
  const page = await (await fetch(`${sidecar.admin}/metrics`)).text();
  client.close();
  assert.equal(await sidecar.stop(), 0);
  const text = readFileSync(file, 'utf8').trim();
  return {
    spans: receiver.spans,
    lines: text.split('\n').map((line) => JSON.parse(line) as LogLine),
    counts: page.split('\n').filter((line) => line.startsWith('pillion_app_requests_total')),
    log: sidecar.lines,
    port: Number(sidecar.grpc.split(':')[1]),
  };
}

function call(client: grpc.Client, path: string, message: string): Promise<number> {
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, same, same, Buffer.from(message), (error) => resolve(error?.code ?? 0));
  });
}

const isSkipped = !hasFeature('otlp') || !hasFeature('access-log');

describe('a call of gRPC to the application', { skip: isSkipped }, () => {
  test('is told with its method and its status, which the client gets too', async (t) => {
    const app = await startOrders(t);
    const asked = [0, 5, 13, 14];
    const got: number[] = [];
    const { spans, lines, counts, port } = await toldOf(t, app, async (client) => {
      for (const code of asked) got.push(await call(client, '/shop.Orders/Get', String(code)));
      got.push(await call(client, '/shop.Orders/Lacks', ''));
    });
    assert.deepEqual(got, [...asked, 12]);

    assert.deepEqual(
      lines.map(({ route, status, grpc_status, outcome }) => [route, status, grpc_status, outcome]),
      [
        ['grpc', 200, 0, 'ok'],
        ['grpc', 200, 5, 'ok'],
        ['grpc', 200, 13, 'app_error'],
        ['grpc', 200, 14, 'app_error'],
        ['grpc', 200, 12, 'app_error'],
      ],
    );
    const series = (method: string, outcome: string, status: string): string =>
      `pillion_app_requests_total{route="grpc",method="${method}",status="2xx",outcome="${outcome}",grpc_status="${status}"} 1`;
    assert.deepEqual(counts, [
      series('shop.Orders/Get', 'ok', 'OK'),
      series('shop.Orders/Get', 'ok', 'NOT_FOUND'),
      series('shop.Orders/Get', 'app_error', 'INTERNAL'),
      series('shop.Orders/Get', 'app_error', 'UNAVAILABLE'),
      series('_OTHER', 'app_error', 'UNIMPLEMENTED'),
    ]);

    const told = (kind: number) => spans.filter((span) => span.kind === kind);
    const [server, client] = [told(2), told(3)];
    const names = [...asked.map(() => 'shop.Orders/Get'), 'grpc'];
    const statuses = ['OK', 'NOT_FOUND', 'INTERNAL', 'UNAVAILABLE', 'UNIMPLEMENTED'];
    for (const made of [server, client]) {
      assert.deepEqual(
        made.map(({ name }) => name),
        names,
      );
      assert.deepEqual(
        made.map(({ attributes }) => attributes['rpc.status_code']),
        statuses,
      );
    }
    const errors = (made: readonly ReceivedSpan[]) => made.slice(0, 4).map(({ error }) => error);
    assert.deepEqual(errors(server), [undefined, undefined, 'nö: 100%', 'nö: 100%']);
    assert.deepEqual(errors(client), [undefined, 'nö: 100%', 'nö: 100%', 'nö: 100%']);
    for (const { attributes } of server) assert.equal(attributes['server.port'], port);
    for (const { attributes, name } of client) {
      assert.equal(attributes['server.address'], '127.0.0.1');
      assert.equal(`h2c://127.0.0.1:${attributes['server.port']}`, app);
      const path = name === 'grpc' ? 'shop.Orders/Lacks' : name;
      assert.equal(attributes['url.full'], `${app.replace('h2c', 'http')}/${path}`);
    }
  });

  test('whose answer tells no status that can be read has failed, and the log says so', async (t) => {
    const trailers: Record<string, OutgoingHttpHeaders> = {
      '/odd.Odd/None': {},
      '/odd.Odd/Word': { 'grpc-status': 'fine' },
      '/odd.Odd/Twice': { 'grpc-status': ['0', '0'] },
      '/odd.Odd/Huge': { 'grpc-status': '9'.repeat(1000), 'grpc-message': '%'.repeat(5000) },
      '/odd.Odd/Head': {},
    };
    const app = await startOddApp(t, (stream, path) => {
      stream.resume();
      if (path === '/odd.Odd/Head') {
        stream.respond({ 'content-type': 'application/grpc', 'grpc-status': '9' }, { endStream: true });
        return;
      }
      stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers(trailers[path]!));
      stream.end();
    });
    const { spans, lines, counts, log } = await toldOf(t, app, async (client) => {
      for (const path of Object.keys(trailers)) await call(client, path, '');
    });
    const odd = ['no_grpc_status', 2];
    assert.deepEqual(
      lines.map(({ outcome, grpc_status }) => [outcome, grpc_status]),
      [odd, odd, odd, ['app_error', 2], ['ok', 9]],
    );
    assert.deepEqual(counts, [
      'pillion_app_requests_total{route="grpc",method="_OTHER",status="2xx",outcome="no_grpc_status",grpc_status="UNKNOWN"} 3',
      'pillion_app_requests_total{route="grpc",method="odd.Odd/Huge",status="2xx",outcome="app_error",grpc_status="UNKNOWN"} 1',
      'pillion_app_requests_total{route="grpc",method="odd.Odd/Head",status="2xx",outcome="ok",grpc_status="FAILED_PRECONDITION"} 1',
    ]);
    const server = spans.filter(({ kind }) => kind === 2);
    assert.deepEqual(
      server.map(({ name, attributes }) => [name, attributes['error.type']]),
      [
        ['grpc', 'no_grpc_status'],
        ['grpc', 'no_grpc_status'],
        ['grpc', 'no_grpc_status'],
        ['odd.Odd/Huge', 'UNKNOWN'],
        ['odd.Odd/Head', undefined],
      ],
    );
    assert.equal(server[3]!.error!.length, 512);
    const warned = log.filter(({ outcome }) => outcome === 'no_grpc_status');
    assert.equal(warned.length, 3);
    assert.match(String(warned[0]!.msg), /without one grpc-status that is a number/);
  });
});
