/** REST over TLS: usual clients, client certificates, those that speak something else, slow handshakes, the end. */
import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { Agent, type RequestOptions, request } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import type { TlsConfig } from '../../src/config/tls-config.ts';
import type { ListenTls } from '../../src/proxy/net/tls-server.ts';
import type { RequestContext } from '../../src/proxy/request-context.ts';
import { eachEngine } from '../support/grpc-engines.ts';
import { withGrpc } from '../support/grpc-harness.ts';
import { RestHarness } from '../support/rest-harness.ts';
import { CBC_CIPHERS, selfSigned } from '../support/self-signed.ts';
import { tempDirectory } from '../support/temp-directory.ts';

const SERVER = selfSigned();
const CLIENT = selfSigned('client');
const CONFIG: TlsConfig = {
  serverKey: SERVER.key,
  serverCert: SERVER.cert,
  customCa: undefined,
  verifyClient: false,
};
const MUTUAL: TlsConfig = { ...CONFIG, customCa: CLIENT.cert, verifyClient: true };
const PREDICT = '/v1/models/m:predict';

async function serve(t: TestContext, tls: ListenTls, address?: string): Promise<RestHarness> {
  const rest = await new RestHarness({ server: { tls } }).listen(address);
  rest.models.add('m');
  t.after(() => rest.close());
  return rest;
}

const portOf = ({ address }: RestHarness): number => Number(address.slice(address.lastIndexOf(':') + 1));

interface Got {
  readonly status: number;
  readonly text: string;
  readonly socket: TLSSocket;
}

function ask(rest: RestHarness, path: string, body?: string, options: RequestOptions = {}): Promise<Got> {
  return new Promise((resolve, reject) => {
    const call = request({
      host: '127.0.0.1',
      port: portOf(rest),
      servername: 'localhost',
      ca: SERVER.cert,
      method: body === undefined ? 'GET' : 'POST',
      path,
      ...options,
    });
    call.on('error', reject);
    call.on('response', (response) => {
      const socket = response.socket as TLSSocket;
      response.setEncoding('utf8');
      let text = '';
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode!, text, socket }));
    });
    call.end(body);
  });
}

test('usual and unusual requests are answered on one connection', async (t) => {
  const rest = await serve(t, { config: CONFIG });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const sockets = new Set<TLSSocket>();
  for (let i = 0; i < 3; i++) {
    const predicted = await ask(rest, PREDICT, `{"instances":[${i}]}`, { agent });
    assert.deepEqual([predicted.status, predicted.text], [200, `{"predictions":[${i}.0]}`]);
    sockets.add(predicted.socket);
  }
  const status = await ask(rest, '/v1/models/m', undefined, { agent });
  assert.match(status.text, /"AVAILABLE"/);
  const large = JSON.stringify({ instances: new Array<number>(100_000).fill(0.5) });
  const after = await ask(rest, PREDICT, large, { agent });
  assert.equal(after.text.length, '{"predictions":[]}'.length + 100_000 * 4 - 1);
  for (const { socket } of [status, after]) sockets.add(socket);
  assert.equal(sockets.size, 1);
  assert.equal(status.socket.getProtocol(), 'TLSv1.3');
  assert.ok(rest.records.every(({ peer }) => peer === '127.0.0.1'));
});

test('a client without the certificate that is wanted gets no answer, one with it does', async (t) => {
  const failed: Error[] = [];
  const rest = await serve(t, { config: MUTUAL, onHandshakeFailed: (error) => failed.push(error) });
  const known = { key: CLIENT.key, cert: CLIENT.cert };
  assert.equal((await ask(rest, PREDICT, '{"instances":[1]}', known)).status, 200);
  await assert.rejects(ask(rest, PREDICT, '{"instances":[1]}'));
  await assert.rejects(ask(rest, PREDICT, '{"instances":[1]}', { key: SERVER.key, cert: SERVER.cert }));
  assert.equal((await ask(rest, PREDICT, '{"instances":[1]}', known)).status, 200);
  assert.equal((await ask(rest, '/v1/models/m', undefined, known)).status, 200);
  assert.deepEqual(
    rest.records.map((record) => (record as RequestContext).caller),
    ['tls:CN=client', 'tls:CN=client', 'tls:CN=client'],
  );
  assert.equal(failed.length, 2);
});

test('a certificate that is only asked for names its client; without one, or a session resumed, nobody is named', async (t) => {
  const rest = await serve(t, { config: { ...MUTUAL, verifyClient: false, asksClient: true } });
  const sessions: Buffer[] = [];
  for (const options of [{ key: CLIENT.key, cert: CLIENT.cert }, { key: SERVER.key, cert: SERVER.cert }, {}, {}]) {
    const socket = connectTls({
      ...{ port: portOf(rest), host: '127.0.0.1', ca: SERVER.cert, servername: 'localhost', ...options },
      ...(sessions.length === 3 && { session: sessions[2]! }),
    });
    const ticket = once(socket, 'session') as Promise<[Buffer]>;
    socket.write('POST /v1/models/m:predict HTTP/1.1\r\nhost: a\r\ncontent-length: 17\r\n\r\n{"instances":[1]}');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 200/);
    const isResumed = sessions.length === 3;
    assert.equal(socket.isSessionReused(), isResumed);
    if (!isResumed) sessions.push((await ticket)[0]);
    socket.destroy();
  }
  assert.deepEqual(
    rest.records.map((record) => (record as RequestContext).caller),
    ['tls:CN=client', 'local:2', 'local:3', 'local:4'],
  );
});

test('a cipher of TLS 1.2 in CBC mode is refused, one in GCM and TLS 1.3 are taken', async (t) => {
  const failed: Error[] = [];
  const rest = await serve(t, { config: CONFIG, onHandshakeFailed: (error) => failed.push(error) });
  await assert.rejects(ask(rest, '/v1/models/m', undefined, { maxVersion: 'TLSv1.2', ciphers: CBC_CIPHERS }));
  assert.match(String(failed), /no shared cipher/i);
  for (const [version, options] of [
    ['TLSv1.2', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }],
    ['TLSv1.3', {}],
  ] as const) {
    const got = await ask(rest, '/v1/models/m', undefined, { ...options, agent: false });
    assert.deepEqual([got.status, got.socket.getProtocol()], [200, version]);
  }
});

test('what speaks no TLS is closed; what speaks TLS and no HTTP is told so', async (t) => {
  const rest = await serve(t, { config: CONFIG });
  const plain = await rest.connect();
  plain.post(PREDICT, '{"instances":[1]}');
  assert.equal((await plain.ended()).includes('HTTP/1.1'), false);
  const socket = connectTls({ port: portOf(rest), host: '127.0.0.1', ca: SERVER.cert, servername: 'localhost' });
  socket.setEncoding('utf8');
  socket.write('nonsense\r\n\r\n');
  let text = '';
  for await (const chunk of socket) text += chunk as string;
  assert.match(text, /^HTTP\/1\.1 400 [\s\S]*speak HTTP\/1\.1 with TLS on this port/);
  assert.equal((await ask(rest, PREDICT, '{"instances":[1]}')).status, 200);
  assert.deepEqual(rest.internalErrors, []);
});

test('a handshake that does not go on is ended in time, and a close does not wait for it', async (t) => {
  const quick = await serve(t, { config: CONFIG, handshakeTimeoutMs: 50 });
  const first = connect(portOf(quick), '127.0.0.1').resume();
  await once(first, 'close');
  const patient = await serve(t, { config: CONFIG });
  const second = connect(portOf(patient), '127.0.0.1').resume();
  second.on('error', () => undefined);
  await once(second, 'connect');
  const closed = once(second, 'close');
  await patient.close();
  await closed;
});

test('a drain answers what is in flight and what open connections still send, and closes what is idle', async (t) => {
  const rest = await serve(t, { config: CONFIG });
  let answer = (): void => assert.fail('no request arrived');
  const arrived = new Promise<void>((resolve) => {
    rest.models.add('slow', {
      behave: ({ inputs }) =>
        new Promise((settle) => {
          answer = () => settle(new Map([['y', inputs.get('x')!]]));
          resolve();
        }),
    });
  });
  const idle = connectTls({ port: portOf(rest), host: '127.0.0.1', ca: SERVER.cert, servername: 'localhost' });
  await once(idle, 'secureConnect');
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const inFlight = ask(rest, '/v1/models/slow:predict', '{"instances":[1]}', { agent });
  await arrived;
  const late = connectTls({ port: portOf(rest), host: '127.0.0.1', ca: SERVER.cert, servername: 'localhost' });
  await once(late, 'secureConnect');
  const drained = rest.server.drain(1000);
  late.setEncoding('utf8').write('GET /v1/models/slow HTTP/1.1\r\nhost: a\r\n\r\n');
  let text = '';
  for await (const chunk of late) text += chunk as string;
  assert.match(text, /^HTTP\/1\.1 200 [\s\S]*connection: close/i);
  rest.clock.advance(1000);
  idle.resume();
  await once(idle, 'close');
  answer();
  assert.equal((await inFlight).text, '{"predictions":[1.0]}');
  await drained;
});

test('a socket file stays without TLS', async (t) => {
  const rest = await serve(t, { config: CONFIG }, `unix:${join(tempDirectory(t), 'rest.sock')}`);
  const connection = await rest.connect();
  connection.post(PREDICT, '{"instances":[1]}');
  assert.equal((await connection.answer()).status, 200);
});

eachEngine('Python’s grpcio and http.client get in with their certificate, and not without', async (t) => {
  const python = process.env['PILLION_TEST_PYTHON'];
  assert.ok(python, 'PILLION_TEST_PYTHON names the environment of test/clients/requirements.txt; npm test sets it');
  const directory = tempDirectory(t);
  const files = Object.entries({ 'ca.pem': SERVER.cert, 'key.pem': CLIENT.key, 'cert.pem': CLIENT.cert }).map(
    ([name, pem]) => {
      writeFileSync(join(directory, name), pem);
      return join(directory, name);
    },
  );
  const rest = await serve(t, { config: MUTUAL });
  await withGrpc(
    (models) => models.add('m'),
    async (server) => {
      const args = ['test/clients/over_tls.py', server.address, String(portOf(rest)), ...files];
      const { stdout } = await promisify(execFile)(python, args);
      assert.match(stdout, /\nok\n$/);
    },
    { tls: { config: MUTUAL } },
  );
});
