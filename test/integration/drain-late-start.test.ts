/** `pillion serve` told to end while clients are in the middle of their PROXY header or TLS handshake. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { ConfigFiles } from '../support/config-files.ts';
import { freePort } from '../support/free-port.ts';
import { hasFeature } from '../support/has-feature.ts';
import { headerV2Of } from '../support/proxy-headers.ts';
import { answerOf, frame, openCall } from '../support/raw-grpc.ts';
import { selfSigned } from '../support/self-signed.ts';
import { DIGITS, killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';

const GET = 'GET /v1/models/digits HTTP/1.1\r\nhost: x\r\n\r\n';
/** Beyond the second after which idle connections are ended, and within the time for those that have begun. */
const LATE_MS = 1100;

afterEach(killSidecars);

const portIn = (address: string): number => Number(address.split(':').at(-1));

function tlsFlags(t: TestContext): readonly string[] {
  const { key, cert } = selfSigned();
  const files = new ConfigFiles(t);
  return [`--tls_cert_file=${files.write('tls.crt', cert)}`, `--tls_key_file=${files.write('tls.key', key)}`];
}

/** Joined: one port for both surfaces. */
async function start(isJoined: boolean, flags: readonly string[]): Promise<Sidecar> {
  const port = isJoined ? await freePort() : 0;
  const patient = '--drain_timeout_ms=600000';
  return startSidecar([...DIGITS, `--port=${port}`, `--rest_api_port=${port}`, patient, ...flags]);
}

async function open(address: string): Promise<Socket> {
  const socket = connect(portIn(address), '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** A client's connection of TLS that sends the first bytes of its handshake, and all else after `more`. */
function hesitantTls(tcp: Socket, protocol: string, more: Promise<unknown>): Socket {
  let isFirst = true;
  const halting = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      if (!isFirst) {
        tcp.write(chunk, done);
        return;
      }
      isFirst = false;
      tcp.write(chunk.subarray(0, 40));
      void more.then(() => tcp.write(chunk.subarray(40), done));
    },
  });
  tcp.on('data', (chunk: Buffer) => halting.push(chunk));
  tcp.on('close', () => halting.destroy());
  const socket = connectTls({ socket: halting, servername: 'x', rejectUnauthorized: false, ALPNProtocols: [protocol] });
  socket.on('error', () => undefined);
  return socket;
}

async function statusOf(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += String(chunk);
  });
  socket.write(GET);
  if (!socket.closed) await once(socket, 'close');
  return text.slice(0, 12);
}

async function healthOn(socket: Socket): Promise<number | undefined> {
  if (socket.destroyed) return undefined;
  const session = connectHttp2('http://localhost', { createConnection: () => socket });
  session.on('error', () => undefined);
  const call = openCall(session, '/grpc.health.v1.Health/Check');
  call.end(frame(Buffer.alloc(0)));
  const status = await Promise.race([
    answerOf(call).then(({ grpcStatus }) => grpcStatus),
    once(socket, 'close').then(() => undefined),
  ]).catch(() => undefined);
  session.destroy();
  return status;
}

/** Begins to end it; resolves LATE_MS after the drain has begun. */
async function late(sidecar: Sidecar): Promise<void> {
  sidecar.process.kill('SIGTERM');
  await sidecar.line(({ event }) => event === 'draining');
  await delay(LATE_MS);
}

describe('clients that have begun when the server is told to end are answered', () => {
  for (const isJoined of [false, true]) {
    const where = isJoined ? 'one port' : 'ports of their own';
    it(`within a TLS handshake, on ${where}`, async (t) => {
      const sidecar = await start(isJoined, tlsFlags(t));
      const sockets = await Promise.all([open(sidecar.rest), open(sidecar.grpc)]);
      let goOn = (): void => undefined;
      const more = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      const rest = statusOf(hesitantTls(sockets[0], 'http/1.1', more));
      const grpc = healthOn(hesitantTls(sockets[1], 'h2', more));
      // Both have begun.
      for (const socket of sockets) while (socket.bytesWritten === 0) await new Promise(setImmediate);
      await late(sidecar);
      goOn();
      assert.deepEqual(await Promise.all([rest, grpc]), ['HTTP/1.1 200', 0]);
      assert.equal(await sidecar.exited, 0);
    });

    const skip = hasFeature('proxy-protocol') ? false : 'the feature is not there';
    it(`within a PROXY header, on ${where}`, { skip }, async () => {
      const sidecar = await start(isJoined, ['--proxy_protocol']);
      const header = headerV2Of('203.0.113.7', 4000);
      const sockets = await Promise.all([open(sidecar.rest), open(sidecar.grpc)]);
      for (const socket of sockets) socket.write(header.subarray(0, 5));
      await late(sidecar);
      for (const socket of sockets) socket.write(header.subarray(5));
      const answers = await Promise.all([statusOf(sockets[0]), healthOn(sockets[1])]);
      assert.deepEqual(answers, ['HTTP/1.1 200', 0]);
      assert.equal(await sidecar.exited, 0);
    });

    it(`but those that go no further do not hold the end up, on ${where}`, { skip }, async (t) => {
      const sidecar = await start(isJoined, [...tlsFlags(t), '--proxy_protocol']);
      const header = headerV2Of('203.0.113.7', 4000);
      const begun = [header.subarray(0, 5), header, Buffer.concat([header, Buffer.from([22])])];
      const addresses = [sidecar.rest, sidecar.grpc];
      const sockets = await Promise.all(addresses.flatMap((address) => begun.map(() => open(address))));
      for (const [i, socket] of sockets.entries()) socket.write(begun[i % begun.length]!);
      const before = performance.now();
      assert.equal(await sidecar.stop(), 0);
      // A handshake may take 10 s, and a header 20.
      assert.ok(performance.now() - before < 8000);
      for (const socket of sockets) socket.destroy();
    });
  }
});
