/** A gate in front of TLS: it counts the connection that was accepted, and asks the one that the handshake made of it. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { systemClock } from '../../src/core/clock.ts';
import type { GrpcCall } from '../../src/proxy/grpc/engine.ts';
import { ConnectionGate, type GateReason } from '../../src/proxy/net/connection-gate.ts';
import { ENGINES } from '../support/grpc-engines.ts';
import { answerOf, frame, openCall } from '../support/raw-grpc.ts';
import { RestHarness } from '../support/rest-harness.ts';
import { selfSigned } from '../support/self-signed.ts';

const SERVER = selfSigned();
const TLS = { config: { serverKey: SERVER.key, serverCert: SERVER.cert, customCa: undefined, verifyClient: false } };

function gateOf(maxConnections: number, ends: GateReason[]): ConnectionGate {
  return new ConnectionGate({
    clock: systemClock,
    maxConnections,
    maxPerPeer: maxConnections,
    idleMs: 60_000,
    peerOf: () => undefined,
    onEnded: (reason) => ends.push(reason),
  });
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));

async function open(t: TestContext, address: string): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port: portOf(address), servername: 'localhost', ca: SERVER.cert });
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

async function ask(socket: TLSSocket, bytes: string): Promise<string> {
  const answered = once(socket, 'data');
  socket.write(bytes);
  const [chunk] = (await answered) as [Uint8Array];
  return new TextDecoder().decode(chunk);
}

const GET = 'GET /v1/models/m HTTP/1.1\r\nhost: t\r\n\r\n';

test('REST: an idle connection ends for a new one, a half-sent head stays, a silent TCP connection goes', async (t) => {
  const ends: GateReason[] = [];
  const rest = await new RestHarness({ server: { tls: TLS, listenerAccess: { gate: gateOf(2, ends) } } }).listen();
  t.after(() => rest.close());
  const begun = await open(t, rest.address);
  assert.match(await ask(begun, GET), /^HTTP\/1\.1 404 /);
  begun.write('GET /v1/mod');
  const idle = await open(t, rest.address);
  assert.match(await ask(idle, GET), /^HTTP\/1\.1 404 /);
  const idleEnded = once(idle, 'end');
  const silent = connect(portOf(rest.address), '127.0.0.1');
  const silentClosed = once(silent, 'close');
  await idleEnded;
  assert.deepEqual(ends, ['oldest_idle']);
  const last = await open(t, rest.address);
  assert.match(await ask(last, GET), /^HTTP\/1\.1 404 /);
  await silentClosed;
  assert.deepEqual(ends, ['oldest_idle', 'oldest_idle']);
  assert.match(await ask(begun, 'els/m HTTP/1.1\r\nhost: t\r\n\r\n'), /^HTTP\/1\.1 404 /);
});

for (const { name, create } of ENGINES) {
  test(`gRPC: an idle connection ends for a new one, one with a call stays (${name})`, async (t) => {
    const ends: GateReason[] = [];
    const engine = create({
      maxReceiveBytes: 1 << 20,
      tls: TLS,
      listenerAccess: { gate: gateOf(2, ends) },
      onInternalError: (error) => assert.fail(String(error)),
    });
    const begun = new Promise<GrpcCall>((resolve) => {
      engine.register({
        path: '/t.T/Wait',
        isClientStream: false,
        enforcesDeadline: false,
        start: (call) => ({ onMessage: () => resolve(call), onAbort: () => undefined }),
      });
    });
    const address = await engine.listen('127.0.0.1:0');
    t.after(() => engine.close());
    const connectOne = () => {
      const session = connectHttp2(`https://localhost:${portOf(address)}`, { ca: SERVER.cert });
      session.on('error', () => undefined);
      t.after(() => session.destroy());
      return session;
    };
    const busy = connectOne();
    const waiting = openCall(busy, '/t.T/Wait');
    const answered = answerOf(waiting);
    waiting.end(frame(new Uint8Array()));
    const call = await begun;
    const idle = connectOne();
    await once(idle, 'remoteSettings');
    const idleClosed = once(idle, 'close');
    const next = connectOne();
    await once(next, 'remoteSettings');
    await idleClosed;
    assert.deepEqual(ends, ['oldest_idle']);
    call.refuse({ code: 5, message: 'now' });
    assert.equal((await answered).grpcStatus, 5);
  });
}
