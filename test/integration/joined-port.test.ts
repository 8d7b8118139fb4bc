/** `pillion serve` with one port, or one Unix socket, for gRPC and REST. */

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, it, type TestContext } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { ConfigFiles } from '../support/config-files.ts';
import { ENGINE_NAMES, engineFlags } from '../support/engine-names.ts';
import { freePort } from '../support/free-port.ts';
import { settings as ownSettings, PREFACE } from '../support/http2-frames.ts';
import { MountedSecret } from '../support/mounted-secret.ts';
import { grpcHealth, HEALTHY, probe } from '../support/probes.ts';
import { answerOf, frame, openCall, openSession } from '../support/raw-grpc.ts';
import { selfSigned } from '../support/self-signed.ts';
import { DIGITS, killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { MetricsPage } from '../support/surface-sidecar.ts';
import { trickle } from '../support/trickle.ts';

const MODEL = '/v1/models/digits';
const CLOSING = 'host: x\r\nconnection: close\r\n';
const SERVING = '0801';

afterEach(killSidecars);

async function start(engine: string, args: readonly string[] = []): Promise<Sidecar> {
  const port = await freePort();
  return startSidecar([...DIGITS, ...engineFlags(engine), `--port=${port}`, `--rest_api_port=${port}`, ...args]);
}

function tlsFlags(t: TestContext): readonly string[] {
  const { key, cert } = selfSigned();
  const files = new ConfigFiles(t);
  return [`--tls_cert_file=${files.write('tls.crt', cert)}`, `--tls_key_file=${files.write('tls.key', key)}`];
}

const portOf = ({ grpc }: Sidecar): number => Number(grpc.split(':')[1]);

function open(sidecar: Sidecar): Socket {
  return connect(portOf(sidecar), '127.0.0.1');
}

function openTls(sidecar: Sidecar, ALPNProtocols: string[] = []): TLSSocket {
  return connectTls({ port: portOf(sidecar), host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols });
}

/** All that comes until the other side closes. */
async function whole(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks);
}

async function countsOf({ admin }: Sidecar): Promise<(outcome: string) => number> {
  const page = new MetricsPage(await (await fetch(`${admin}/metrics`)).text());
  return (outcome) => page.value('pillion_joined_connections_total', { outcome });
}

async function healthOn(session: ClientHttp2Session): Promise<string | undefined> {
  const call = openCall(session, '/grpc.health.v1.Health/Check');
  const answer = answerOf(call);
  call.end(frame(Buffer.alloc(0)));
  return (await answer).message?.toString('hex');
}

describe('one port for gRPC and REST', () => {
  for (const engine of ENGINE_NAMES) {
    it(`serves both to clients that know nothing of it (${engine})`, async () => {
      const sidecar = await start(engine);
      assert.equal(sidecar.rest, `http://${sidecar.grpc}`);
      assert.deepEqual(await probe(sidecar), HEALTHY);
      const count = await countsOf(sidecar);
      assert.deepEqual(['http1', 'http2', 'unknown', 'tls', 'plaintext'].map(count), [1, 1, 0, 0, 0]);
      assert.equal(await sidecar.stop(), 0);
    });

    it(`tells protocols apart however slowly their bytes come (${engine})`, async () => {
      const sidecar = await start(engine);
      const put = open(sidecar);
      const answer = whole(put);
      await trickle(put, `PUT ${MODEL} HTTP/1.1\r\n${CLOSING}content-length: 0\r\n\r\n`);
      assert.match((await answer).toString(), /^HTTP\/1\.1 405 /);

      const post = open(sidecar);
      const predicted = whole(post);
      const body = JSON.stringify({ instances: [{ x: [] }] });
      await trickle(post, `POST ${MODEL}:predict HTTP/1.1\r\n${CLOSING}content-length: ${body.length}\r\n\r\n${body}`);
      assert.match((await predicted).toString(), /^HTTP\/1\.1 400 .*"error"/s);

      const http2 = open(sidecar);
      const settings = once(http2, 'data') as Promise<[Buffer]>;
      await trickle(http2, Buffer.concat([PREFACE, ownSettings()]));
      assert.equal((await settings)[0][3], 4);
      http2.destroy();

      const session = connectHttp2(`http://${sidecar.grpc}`);
      assert.equal(await healthOn(session), SERVING);
      session.destroy();
      const count = await countsOf(sidecar);
      assert.deepEqual(['http1', 'http2'].map(count), [2, 2]);
    });

    it(`drains without waiting for the undecided, and finishes what has begun (${engine})`, async () => {
      const sidecar = await start(engine);
      const [silent, undecided] = [open(sidecar), open(sidecar)];
      await Promise.all([once(silent, 'connect'), once(undecided, 'connect')]);
      await trickle(undecided, 'PR');
      const begun = open(sidecar);
      const answer = whole(begun);
      begun.write(`POST ${MODEL}:predict HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{`);
      const session = openSession(sidecar.grpc);
      assert.equal(await healthOn(session), SERVING);
      const before = performance.now();
      const exited = sidecar.stop();
      await sidecar.line(({ event }) => event === 'draining');
      begun.write('}');
      assert.match((await answer).toString(), /^HTTP\/1\.1 400 .*connection: close/s);
      assert.equal(await exited, 0);
      const tookMs = performance.now() - before;
      // A first request may take 20 s.
      assert.ok(tookMs < 15_000, `took ${tookMs} ms`);
      session.destroy();
      for (const socket of [silent, undecided]) socket.destroy();
    });

    it(`speaks TLS with clients that agree on a protocol, and with those that do not (${engine})`, async (t) => {
      const sidecar = await start(engine, tlsFlags(t));
      for (const protocols of [['http/1.1'], []]) {
        const socket = openTls(sidecar, protocols);
        await once(socket, 'secureConnect');
        const answer = whole(socket);
        await trickle(socket, `PUT ${MODEL} HTTP/1.1\r\n${CLOSING}\r\n`);
        assert.match((await answer).toString(), /^HTTP\/1\.1 405 /);
      }
      // node:http2 takes no connection of TLS without ALPN.
      const offers = engine === 'grpc-js' ? [['h2', 'http/1.1'], ['h2']] : [['h2', 'http/1.1'], []];
      for (const protocols of offers) {
        const socket = openTls(sidecar, protocols);
        await once(socket, 'secureConnect');
        assert.equal(socket.alpnProtocol, protocols.length > 0 && 'h2');
        const session = connectHttp2('https://localhost', { createConnection: () => socket });
        assert.equal(await healthOn(session), SERVING);
        session.destroy();
      }
      const count = await countsOf(sidecar);
      assert.deepEqual(['http1', 'http2'].map(count), [2, 2]);
      assert.equal(await sidecar.stop(), 0);
    });
  }

  it('shows a new certificate to both protocols, and keeps the connections of before', async (t) => {
    const [first, second] = [selfSigned(), selfSigned()];
    const secret = new MountedSecret(t, { 'tls.key': first.key, 'tls.crt': first.cert });
    const files = [`--tls_cert_file=${secret.path('tls.crt')}`, `--tls_key_file=${secret.path('tls.key')}`];
    const sidecar = await start('pillion', [...files, '--tls_poll_wait_seconds=0']);
    const before = openTls(sidecar, ['h2']);
    await once(before, 'secureConnect');
    const session = connectHttp2('https://localhost', { createConnection: () => before });
    assert.equal(await healthOn(session), SERVING);
    secret.change({ 'tls.key': second.key, 'tls.crt': second.cert });
    sidecar.process.kill('SIGHUP');
    await sidecar.line(({ event }) => event === 'tls_reload');
    for (const protocol of ['h2', 'http/1.1']) {
      const socket = openTls(sidecar, [protocol]);
      await once(socket, 'secureConnect');
      assert.equal(socket.getPeerX509Certificate()!.toString(), second.cert);
      socket.destroy();
    }
    assert.equal(await healthOn(session), SERVING);
    session.destroy();
  });

  it('serves REST to curl over either version of HTTP, with TLS and without', async (t) => {
    const plain = await start('pillion');
    const secret = await start('pillion', tlsFlags(t));
    const body = ['-d', JSON.stringify({ instances: [new Array<number>(64).fill(0)] })];
    const secure = secret.rest.replace('http:', 'https:');
    for (const [flags, url, version] of [
      [[], plain.rest, '1.1'],
      [['--http2'], plain.rest, '1.1'],
      [['--http2-prior-knowledge'], plain.rest, '2'],
      [['--http1.1', '-k'], secure, '1.1'],
      [['--http2', '-k'], secure, '2'],
    ] as const) {
      const curl = async (path: string, ...more: readonly string[]): Promise<string> => {
        const written = ['-s', '-w', '\n%{http_code} %{http_version}', ...flags, ...more, `${url}${path}`];
        return (await promisify(execFile)('curl', written)).stdout;
      };
      const ok = `\n200 ${version}`;
      for (const [path, holds, ...more] of [
        [MODEL, '"AVAILABLE"'],
        [`${MODEL}:predict`, '"predictions"', ...body],
        ['/monitoring/prometheus/metrics', '# TYPE '],
        ['/v2/health/ready', '"ready":true'],
        ['/openapi.json', '"openapi": "3.1.0"'],
      ] as const) {
        const answer = await curl(path, ...more);
        assert.ok(answer.includes(holds) && answer.endsWith(ok), `${flags} ${path}: ${answer.slice(-300)}`);
      }
      assert.ok((await curl('/nowhere')).endsWith(`\n404 ${version}`));
    }
  });

  it('refuses CONNECT, and leaves gRPC what is gRPC’s', async () => {
    const sidecar = await start('pillion');
    const session = openSession(sidecar.grpc);
    const asked = session.request({ ':method': 'CONNECT', ':authority': 'elsewhere:443' });
    const [head] = (await once(asked, 'response')) as [Record<string, unknown>];
    assert.equal(head[':status'], 405);
    const call = openCall(session, `${MODEL}:predict`);
    const answer = answerOf(call);
    call.end(frame(Buffer.alloc(0)));
    assert.deepEqual([(await answer).status, (await answer).grpcStatus], [200, 12]);
    session.destroy();
  });

  it('on a port of gRPC alone is an option', async () => {
    for (const [flags, statuses] of [
      [[], [405, 415]],
      [['--rest_on_grpc_port'], [200, 400]],
    ] as const) {
      const sidecar = await startSidecar([...DIGITS, ...flags]);
      const session = openSession(sidecar.grpc);
      const got = [];
      for (const [method, path] of [
        ['GET', MODEL],
        ['POST', `${MODEL}:predict`],
      ]) {
        const asked = session.request({ ':method': method, ':path': path }, { endStream: false });
        asked.end();
        got.push(((await once(asked, 'response')) as [Record<string, unknown>])[0][':status']);
        asked.resume();
      }
      assert.deepEqual(got, statuses);
      session.destroy();
      assert.equal(await sidecar.stop(), 0);
    }
  });

  it('answers TLS with an alert, and what is no protocol with 400', async () => {
    const sidecar = await start('pillion');
    const socket = openTls(sidecar);
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    assert.match(error.code!, /HANDSHAKE_FAILURE/);
    const noise = open(sidecar);
    const answer = whole(noise);
    noise.write(Buffer.from([1, 2, 3, 13, 10]));
    assert.match((await answer).toString(), /^HTTP\/1\.1 400 /);
    const count = await countsOf(sidecar);
    assert.deepEqual(['tls', 'unknown', 'http1'].map(count), [1, 1, 0]);
  });

  it('answers plain HTTP/1.1 with 400 where TLS is configured, and closes plain HTTP/2', async (t) => {
    const sidecar = await start('pillion', tlsFlags(t));
    const plain = open(sidecar);
    const answer = whole(plain);
    await trickle(plain, 'POST / HTTP/1.1\r\n');
    assert.match((await answer).toString(), /^HTTP\/1\.1 400 .*speaks TLS/s);
    const http2 = open(sidecar);
    const nothing = whole(http2);
    http2.write(PREFACE);
    assert.equal((await nothing).length, 0);
    assert.equal((await countsOf(sidecar))('plaintext'), 2);
    const silent = open(sidecar);
    await once(silent, 'connect');
    assert.equal(await sidecar.stop(), 0);
  });

  it('is a Unix socket too, where both name one', async (t) => {
    const path = join(new ConfigFiles(t).directory, 'p.sock');
    for (const engine of ENGINE_NAMES) {
      const flags = [...engineFlags(engine), `--grpc_socket_path=${path}`, `--rest_socket_path=${path}`];
      const sidecar = await startSidecar([...DIGITS, ...flags]);
      const ready = await sidecar.line(({ event }) => event === 'ready');
      assert.deepEqual(
        [ready['grpc'], ready['rest']].map((list) => (list as string[])[1]),
        [`unix:${path}`, `unix:${path}`],
      );
      assert.equal(await grpcHealth(`unix:${path}`), SERVING);
      const asked = request({ socketPath: path, path: MODEL, agent: false }).end();
      const [answer] = (await once(asked, 'response')) as [{ statusCode: number; resume(): void }];
      answer.resume();
      assert.equal(answer.statusCode, 200);
      assert.deepEqual(await probe(sidecar), HEALTHY);
      const count = await countsOf(sidecar);
      assert.deepEqual(['http1', 'http2'].map(count), [1, 1]);
      assert.equal(await sidecar.stop(), 0);
    }
  });

  it('counts connections by the surface that they turn out to be of, each with its cap', async () => {
    const sidecar = await start('pillion', ['--max_connections=2']);
    const sessions = [openSession(sidecar.grpc), openSession(sidecar.grpc)];
    for (const session of sessions) assert.equal(await healthOn(session), SERVING);
    const idle: Socket[] = [];
    for (let i = 0; i < 3; i++) {
      const socket = open(sidecar);
      idle.push(socket);
      socket.write(`GET ${MODEL} HTTP/1.1\r\nhost: x\r\n\r\n`);
      await once(socket, 'data');
    }
    const page = new MetricsPage(await (await fetch(`${sidecar.admin}/metrics`)).text());
    const open_ = (surface: string): number => page.value('pillion_connections', { surface });
    assert.equal(open_('grpc'), 2);
    assert.ok(open_('rest') >= 2);
    assert.equal(page.value('pillion_connection_ends_total', { surface: 'rest', reason: 'oldest_idle' }), 1);
    for (const session of sessions) {
      assert.equal(await healthOn(session), SERVING);
      session.destroy();
    }
    for (const socket of idle) socket.destroy();
  });
});
