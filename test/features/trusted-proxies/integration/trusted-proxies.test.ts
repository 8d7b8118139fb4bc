/** `pillion serve --trusted_proxies`: what the application, the access log and limits take a proxy's word for. */

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { type RequestOptions as HttpsOptions, request as httpsRequest } from 'node:https';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { ConfigFiles } from '../../../support/config-files.ts';
import { headerV1Of } from '../../../support/proxy-headers.ts';
import { answerOf, frame, openCall } from '../../../support/raw-grpc.ts';
import { type KeyAndCert, selfSigned } from '../../../support/self-signed.ts';
import { DIGITS, killSidecars, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { MetricsPage } from '../../../support/surface-sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const PAGE = new URL('../../../../../src/features/trusted-proxies/README.md', import.meta.url);
const CLIENT = '198.51.100.7';

/** What a TLS proxy in front sends for such a client, with what the client has made up in `x-forwarded-client-cert`. */
const BY_PROXY = {
  'x-forwarded-for': CLIENT,
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'shop.example',
  'x-forwarded-port': '443',
  'x-real-ip': CLIENT,
  forwarded: `for=${CLIENT};proto=https`,
  'x-forwarded-client-cert': 'Hash=5d',
};

/** Gives the request's headers back as JSON. */
const app = createServer((request, response) => response.end(JSON.stringify(request.headers)));
let place = '';

before(async () => {
  app.listen(0, '127.0.0.1');
  await once(app, 'listening');
  place = `--app=http://127.0.0.1:${(app.address() as AddressInfo).port}`;
});
after(() => {
  killSidecars();
  app.close();
});

const FLAGS = ['--access_log=stdout', '--log_level=info'];

function start(...args: readonly string[]): Promise<Sidecar> {
  return startSidecar([...DIGITS, ...FLAGS, place, ...args]);
}

/** The headers of a GET, as the application gets them. */
async function seen(to: HttpsOptions | string, headers: Record<string, string> = {}): Promise<IncomingHttpHeaders> {
  const options = typeof to === 'string' ? { host: '127.0.0.1', port: new URL(to).port } : to;
  const ask = 'ca' in options ? httpsRequest : httpRequest;
  const asked = ask({ path: '/page', agent: false, ...options, headers: { host: 'shop.internal', ...headers } });
  asked.end();
  const [answer] = await once(asked, 'response');
  let body = '';
  for await (const chunk of answer) body += chunk;
  return JSON.parse(body) as IncomingHttpHeaders;
}

/** The line of the access log that `matches`. */
const lineOf = (sidecar: Sidecar, id: string) =>
  sidecar.line((line) => line['request_id'] === id && 'request_bytes' in line);

describe('what the application sees', () => {
  it('is as the page has it', async () => {
    const [none, named] = [await start(), await start('--trusted_proxies=127.0.0.0/8')];
    const columns = [await seen(none.rest), await seen(none.rest, BY_PROXY), await seen(named.rest, BY_PROXY)];
    const rows = Object.keys(BY_PROXY).map((name) => {
      const cells = columns.map((headers) => (headers[name] === undefined ? 'none' : `\`${String(headers[name])}\``));
      return `| \`${name}\` | ${cells.join(' | ')} |`;
    });
    assert.ok(readFileSync(PAGE, 'utf8').includes(rows.join('\n')), `the page has not these rows:\n${rows.join('\n')}`);
  });

  it('is the same over HTTP/2', async () => {
    const sidecar = await start('--trusted_proxies=127.0.0.1');
    const session = connectHttp2(`http://${sidecar.grpc}`);
    const stream = session.request({
      ':path': '/page',
      'x-forwarded-for': `6.6.6.6, ${CLIENT}`,
      'x-forwarded-proto': 'https',
    });
    let body = '';
    for await (const chunk of stream) body += chunk;
    session.close();
    const headers = JSON.parse(body) as IncomingHttpHeaders;
    assert.equal(headers['x-forwarded-for'], `${CLIENT}, 127.0.0.1`);
    assert.equal(headers['x-forwarded-proto'], 'https');
  });

  it('does not depend on what a peer that is not named says', async () => {
    const sidecar = await start('--trusted_proxies=10.0.0.0/8,unix');
    const headers = await seen(sidecar.rest, BY_PROXY);
    assert.equal(headers['x-forwarded-for'], '127.0.0.1');
    assert.equal(headers['x-forwarded-proto'], 'http');
    assert.equal(headers['x-forwarded-client-cert'], undefined);
  });

  it('is what the other name of the option lets through, too', async () => {
    const headers = await seen((await start('--app_trust_forwarded')).rest, BY_PROXY);
    assert.equal(headers['x-forwarded-for'], `${CLIENT}, 127.0.0.1`);
    assert.equal(headers['forwarded'], BY_PROXY.forwarded);
  });
});

describe('a peer on a socket file', () => {
  it('is trusted if the option has unix, and only then', async (t) => {
    for (const [option, told] of [
      ['unix', CLIENT],
      ['127.0.0.1', 'unix'],
    ] as const) {
      const socketPath = join(tempDirectory(t), 'rest.sock');
      await start(`--trusted_proxies=${option}`, `--rest_socket_path=${socketPath}`);
      assert.equal((await seen({ socketPath }, BY_PROXY))['x-forwarded-for'], told);
    }
  });
});

describe('the client', () => {
  it('is in the access log, of inference and of the application', async () => {
    const sidecar = await start('--trusted_proxies=127.0.0.1');
    await seen(sidecar.rest, { ...BY_PROXY, 'x-request-id': 'of-app' });
    const status = await fetch(`${sidecar.rest}/v1/models/digits`, {
      headers: { ...BY_PROXY, 'x-request-id': 'of-rest' },
    });
    assert.equal(status.status, 200);
    await predict(sidecar, { ...BY_PROXY, 'x-request-id': 'of-plain' });
    await callGrpc(sidecar, { ...BY_PROXY, 'x-request-id': 'of-grpc' });
    for (const id of ['of-app', 'of-rest', 'of-plain', 'of-grpc']) {
      const line = await lineOf(sidecar, id);
      assert.match(String(line['peer']), /^127\.0\.0\.1/, id);
      assert.deepEqual([line['client'], line['scheme']], [CLIENT, 'https'], id);
    }
  });

  it('is not told by a peer that is not trusted', async () => {
    const sidecar = await start('--trusted_proxies=10.0.0.0/8');
    await predict(sidecar, { ...BY_PROXY, 'x-request-id': 'plain' });
    await callGrpc(sidecar, { ...BY_PROXY, 'x-request-id': 'grpc' });
    for (const id of ['plain', 'grpc']) assert.equal((await lineOf(sidecar, id))['client'], undefined);
  });

  it('is the caller whom limits count, over REST and gRPC', async () => {
    const sidecar = await start('--trusted_proxies=127.0.0.1', '--caller_requests_per_s=1');
    const of = (client: string) => ({ 'x-forwarded-for': client });
    const statuses: number[] = [];
    for (const client of ['192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.2'])
      statuses.push(await predict(sidecar, of(client)));
    assert.deepEqual(statuses, [200, 429, 429, 200]);
    const calls: number[] = [];
    for (const client of ['192.0.2.3', '192.0.2.3', '192.0.2.3', '192.0.2.4'])
      calls.push(await callGrpc(sidecar, of(client)));
    // The message names no model; RESOURCE_EXHAUSTED is 8.
    assert.deepEqual(calls, [3, 8, 8, 3]);
  });

  it('may be behind a proxy whose own address the PROXY protocol tells', async () => {
    const sidecar = await start('--proxy_protocol', '--trusted_proxies=203.0.113.0/24,127.0.0.1');
    const told = async (peer: string): Promise<string> => {
      const socket = connectTcp(Number(new URL(sidecar.rest).port), '127.0.0.1');
      const lines = ['GET /page HTTP/1.1', 'host: a', `x-forwarded-for: ${CLIENT}`, 'connection: close', '', ''];
      socket.write(Buffer.concat([headerV1Of(peer, 4000), Buffer.from(lines.join('\r\n'))]));
      let text = '';
      for await (const chunk of socket) text += String(chunk);
      return (JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)) as IncomingHttpHeaders)[
        'x-forwarded-for'
      ] as string;
    };
    assert.equal(await told('203.0.113.7'), `${CLIENT}, 203.0.113.7`);
    assert.equal(await told('192.0.2.7'), '192.0.2.7');
    // It is the loopback of the balancer's machine.
    assert.equal(await told('127.0.0.1'), '127.0.0.1');
  });
});

describe('a proxy that is not named', () => {
  it('is said once in the log, and counted', async () => {
    const sidecar = await start();
    for (let i = 0; i < 3; i++) await seen(sidecar.rest, BY_PROXY);
    await seen(sidecar.rest);
    const said = sidecar.lines.filter(({ event }) => event === 'forwarded_untrusted');
    assert.deepEqual(
      said.map(({ level, peer }) => [level, peer]),
      [['warn', '127.0.0.1']],
    );
    assert.match(said[0]!.msg!, /--trusted_proxies=127\.0\.0\.1/);
    const page = new MetricsPage(await (await fetch(`${sidecar.admin}/metrics`)).text());
    assert.equal(page.value('pillion_app_unbelieved_requests_total', {}), 3);
  });
});

describe('the certificate of a client', () => {
  it('is told as Envoy does, and a made up one is not', async (t) => {
    const { ca, options, client, server } = mutualTls(t);
    const sidecar = await start(...options, '--app_client_certificate');
    const port = new URL(sidecar.rest).port;
    const to = { host: '127.0.0.1', port, ca, servername: 'localhost', ...client };
    const told = (await seen(to, { 'x-forwarded-client-cert': 'Hash=5d' }))['x-forwarded-client-cert'];
    const hash = new X509Certificate(client.cert).fingerprint256.replaceAll(':', '').toLowerCase();
    assert.equal(told, `By=${server};Hash=${hash};Subject="CN=web";URI=spiffe://shop/web;DNS=web.shop`);
    assert.equal((await seen({ ...to, key: undefined, cert: undefined }))['x-forwarded-client-cert'], undefined);
  });

  it('stands behind what a trusted proxy tells, and without the option is told by nobody', async (t) => {
    const { ca, options, client } = mutualTls(t);
    const headers = { 'x-forwarded-client-cert': 'Hash=5d' };
    const both = await start(...options, '--app_client_certificate', '--trusted_proxies=127.0.0.1');
    const to = (port: string) => ({ host: '127.0.0.1', port, ca, servername: 'localhost', ...client });
    const told = (await seen(to(new URL(both.rest).port), headers))['x-forwarded-client-cert'];
    assert.match(String(told), /^Hash=5d,By=spiffe:\/\/shop\/pillion;Hash=[0-9a-f]{64};Subject="CN=web";/);
    const none = await start(...options);
    assert.equal((await seen(to(new URL(none.rest).port), headers))['x-forwarded-client-cert'], undefined);
  });
});

function mutualTls(t: TestContext) {
  const authority = selfSigned('authority');
  const server = 'spiffe://shop/pillion';
  const own = selfSigned('localhost', { authority, dns: ['localhost'], uris: [server] });
  const client: KeyAndCert = selfSigned('web', { authority, dns: ['web.shop'], uris: ['spiffe://shop/web'] });
  const files = new ConfigFiles(t);
  const options = [
    `--tls_cert_file=${files.write('tls.crt', own.cert)}`,
    `--tls_key_file=${files.write('tls.key', own.key)}`,
    `--tls_client_ca_file=${files.write('ca.crt', authority.cert)}`,
    '--tls_verify_client=false',
  ];
  return { ca: authority.cert, options, client, server };
}

/** The status of a Predict over the plain lane. */
async function predict(sidecar: Sidecar, headers: Record<string, string>): Promise<number> {
  const image = Array.from({ length: 64 }, () => 0);
  const body = JSON.stringify({ instances: [image] });
  return (await fetch(`${sidecar.rest}/v1/models/digits:predict`, { method: 'POST', body, headers })).status;
}

/** The status of a Predict that names no model. */
async function callGrpc(sidecar: Sidecar, headers: Record<string, string>): Promise<number> {
  const session = connectHttp2(`http://${sidecar.grpc}`);
  const call = openCall(session, '/tensorflow.serving.PredictionService/Predict', headers);
  const answer = answerOf(call);
  call.end(frame(Buffer.alloc(0)));
  const { grpcStatus } = await answer;
  session.destroy();
  return grpcStatus;
}
