/** `pillion serve --proxy_protocol`: the client that a proxy names is the peer everywhere. */

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, it, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { ConfigFiles } from '../../../support/config-files.ts';
import { ENGINE_NAMES, engineFlags } from '../../../support/engine-names.ts';
import { freePort } from '../../../support/free-port.ts';
import { grpcHealth, httpStatus } from '../../../support/probes.ts';
import { headerV1Of, headerV2, headerV2Of } from '../../../support/proxy-headers.ts';
import { answerOf, frame, openCall } from '../../../support/raw-grpc.ts';
import { selfSigned } from '../../../support/self-signed.ts';
import { DIGITS, killSidecars, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { MetricsPage } from '../../../support/surface-sidecar.ts';
import { trickle } from '../../../support/trickle.ts';

const FLAGS = ['--proxy_protocol', '--log_level=debug'];
const METADATA = '/v1/models/digits/metadata';
const GET = `GET ${METADATA} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`;
const V4 = '203.0.113.7';
const V6 = '2001:db8:1:2::7';
const V1_OF_V6 = Buffer.from(`PROXY TCP6 2001:DB8:1:2:0:0:0:7 ::1 4000 8501\r\n`);
const TLVS = Buffer.concat([Buffer.from([0x05, 0, 3]), Buffer.from('abc')]);

afterEach(killSidecars);

const portIn = (address: string): number => Number(address.split(':').at(-1));

function open(address: string): Socket {
  return connect(portIn(address), '127.0.0.1');
}

async function whole(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  // What is closed with bytes unread is reset.
  socket.on('error', () => undefined);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('latin1');
}

function tlsFlags(t: TestContext): readonly string[] {
  const { key, cert } = selfSigned();
  const files = new ConfigFiles(t);
  return [`--tls_cert_file=${files.write('tls.crt', cert)}`, `--tls_key_file=${files.write('tls.key', key)}`];
}

/** TLS on a connection that has begun already. */
async function secured(socket: Socket, protocol?: string): Promise<Socket> {
  const offer = protocol === undefined ? {} : { ALPNProtocols: [protocol] };
  const secure = connectTls({ socket, servername: 'localhost', rejectUnauthorized: false, ...offer });
  await once(secure, 'secureConnect');
  return secure;
}

/** Calls a method that is recorded, and fails. */
async function predictOn(session: ClientHttp2Session): Promise<number> {
  const call = openCall(session, '/tensorflow.serving.PredictionService/Predict');
  const answer = answerOf(call);
  call.end(frame(Buffer.alloc(0)));
  const { grpcStatus } = await answer;
  session.destroy();
  return grpcStatus;
}

const http2On = (socket: Socket): ClientHttp2Session =>
  connectHttp2('http://localhost', { createConnection: () => socket });

/** The peers of the requests in the log, once there are so many. */
async function peers(sidecar: Sidecar, count: number): Promise<readonly unknown[]> {
  const found = (): readonly unknown[] => sidecar.lines.flatMap(({ peer }) => (peer === undefined ? [] : [peer]));
  await sidecar.line(() => found().length >= count);
  return found();
}

async function headerCounts({ admin }: Sidecar, surface: string): Promise<(outcome: string) => number> {
  const page = new MetricsPage(await (await fetch(`${admin}/metrics`)).text());
  return (outcome) => page.value('pillion_proxy_headers_total', { surface, outcome });
}

describe('behind a proxy that speaks the PROXY protocol', () => {
  it('REST sees the client of the header, however it is cut', async () => {
    const sidecar = await startSidecar([...DIGITS, ...FLAGS]);
    const headers = [headerV1Of(V4, 4000), V1_OF_V6, headerV2Of(V4, 4001, TLVS)];
    for (const [i, header] of headers.entries()) {
      const [once_, slow] = [open(sidecar.rest), open(sidecar.rest)];
      const answers = [whole(once_), whole(slow)];
      once_.write(Buffer.concat([header, Buffer.from(GET)]));
      await trickle(slow, Buffer.concat([header, Buffer.from(GET)]));
      for (const answer of answers) assert.match(await answer, /^HTTP\/1\.1 200 /);
      const seen = await peers(sidecar, 2 * (i + 1));
      assert.deepEqual(seen.slice(-2), i === 1 ? [V6, V6] : [V4, V4]);
    }
    const count = await headerCounts(sidecar, 'rest');
    assert.equal(count('proxied'), 6);
  });

  it('the socket’s address counts for LOCAL and UNKNOWN', async () => {
    const sidecar = await startSidecar([...DIGITS, ...FLAGS]);
    for (const header of [headerV2(0x20, 0, Buffer.alloc(0)), Buffer.from('PROXY UNKNOWN ffff::1 ::1 1 2\r\n')]) {
      const socket = open(sidecar.rest);
      const answer = whole(socket);
      socket.write(header);
      socket.write(GET);
      assert.match(await answer, /^HTTP\/1\.1 200 /);
    }
    assert.deepEqual(await peers(sidecar, 2), ['127.0.0.1', '127.0.0.1']);
    assert.equal((await headerCounts(sidecar, 'rest'))('kept'), 2);
  });

  it('what brings no header, or a wrong one, is closed and counted', async () => {
    const sidecar = await startSidecar([...DIGITS, ...FLAGS]);
    const wrong = [
      GET,
      `PROXY TCP4 ${V4} 1.2.3.4 1 99999\r\n${GET}`,
      `PROXY UNKNOWN ${'x'.repeat(120)}\r\n${GET}`,
      Buffer.concat([headerV2(0x21, 0x11, Buffer.alloc(5000)), Buffer.from(GET)]),
    ];
    for (const bytes of wrong) {
      const socket = open(sidecar.rest);
      const answer = whole(socket);
      socket.write(bytes);
      assert.equal(await answer, '');
    }
    assert.notEqual(await grpcHealth(sidecar.grpc), '0801');
    const rest = await headerCounts(sidecar, 'rest');
    assert.deepEqual(['absent', 'malformed', 'too_long', 'proxied'].map(rest), [1, 1, 2, 0]);
    assert.equal((await headerCounts(sidecar, 'grpc'))('absent'), 1);
  });

  for (const engine of ENGINE_NAMES) {
    it(`gRPC sees the client, with TLS and without, on ports of its own and on one for all (${engine})`, async (t) => {
      const port = await freePort();
      const layouts = [[], tlsFlags(t), [`--port=${port}`, `--rest_api_port=${port}`]];
      layouts.push([...layouts[1]!, ...layouts[2]!]);
      for (const [i, layout] of layouts.entries()) {
        const sidecar = await startSidecar([...DIGITS, ...FLAGS, ...engineFlags(engine), ...layout]);
        const raw = open(sidecar.grpc);
        await trickle(raw, headerV2Of(V4, 4002));
        const socket = i % 2 === 1 ? await secured(raw, 'h2') : raw;
        // INVALID_ARGUMENT: it names no model.
        assert.equal(await predictOn(http2On(socket)), 3);
        const rest = open(sidecar.rest);
        rest.write(headerV1Of(V4, 4003));
        const asked = i % 2 === 1 ? await secured(rest) : rest;
        const answer = whole(asked);
        asked.write(GET);
        assert.match(await answer, /^HTTP\/1\.1 200 /);
        assert.deepEqual(await peers(sidecar, 2), [`${V4}:4002`, V4]);
        assert.equal(await sidecar.stop(), 0);
      }
    });
  }

  it('Unix sockets have no header, and a drain does not wait for one', async (t) => {
    const path = join(new ConfigFiles(t).directory, 'p.sock');
    const sidecar = await startSidecar([...DIGITS, ...FLAGS, `--grpc_socket_path=${path}`]);
    assert.equal(await grpcHealth(`unix:${path}`), '0801');
    const silent = [open(sidecar.rest), open(sidecar.grpc)];
    await Promise.all(silent.map((socket) => once(socket, 'connect')));
    silent[0]!.write('PROXY ');
    const before = performance.now();
    assert.equal(await sidecar.stop(), 0);
    // A header may take 20 s.
    assert.ok(performance.now() - before < 15_000);
    for (const socket of silent) socket.destroy();
  });

  it('the cap of connections is that of the client, not of the proxy', async () => {
    const sidecar = await startSidecar([...DIGITS, ...FLAGS, '--max_connections_per_peer=1']);
    const opened = [1, 2, 3].map((last) => {
      const socket = open(sidecar.rest);
      socket.write(Buffer.concat([headerV1Of(`203.0.113.${last}`, 1), Buffer.from(`GET ${METADATA} HTTP/1.1\r\n`)]));
      return socket;
    });
    for (const socket of opened) {
      const answer = once(socket, 'data');
      socket.write('host: x\r\n\r\n');
      assert.match(String((await answer)[0]), /^HTTP\/1\.1 200 /);
    }
    // The first client's place is taken by its second connection.
    const second = open(sidecar.rest);
    const answer = whole(second);
    const ended = once(opened[0]!, 'end');
    second.write(Buffer.concat([headerV1Of('203.0.113.1', 2), Buffer.from(GET)]));
    assert.match(await answer, /^HTTP\/1\.1 200 /);
    await ended;
    for (const socket of opened) socket.destroy();
  });

  it('an application behind it is told the client', async (t) => {
    const app = createServer((request: IncomingMessage, response) =>
      response.end(String(request.headers['x-forwarded-for'])),
    );
    app.listen(0, '127.0.0.1');
    await once(app, 'listening');
    t.after(() => app.close());
    const { port } = app.address() as AddressInfo;
    const sidecar = await startSidecar([...DIGITS, ...FLAGS, `--app=http://127.0.0.1:${port}`]);
    const socket = open(sidecar.rest);
    const answer = whole(socket);
    socket.write(
      Buffer.concat([headerV2Of(V4, 9), Buffer.from('GET /page HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')]),
    );
    assert.match(await answer, new RegExp(`${V4}`));
    assert.equal(await httpStatus(`${sidecar.admin}/live`), 200);
  });
});
