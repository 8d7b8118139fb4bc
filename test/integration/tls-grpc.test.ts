/** gRPC over TLS, on each engine: who gets in, who does not, and that nobody outside can hold or harm it. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import * as grpc from '@grpc/grpc-js';
import type { TlsConfig } from '../../src/config/tls-config.ts';
import type { RequestRecord } from '../../src/ledger/request-record.ts';
import { ListenError } from '../../src/proxy/net/listen-address.ts';
import type { ListenTls } from '../../src/proxy/net/tls-server.ts';
import type { RequestContext } from '../../src/proxy/request-context.ts';
import { eachEngine } from '../support/grpc-engines.ts';
import { floatRequest, GrpcHarness, PREDICTION, withGrpc } from '../support/grpc-harness.ts';
import { CBC_CIPHERS, selfSigned } from '../support/self-signed.ts';
import { tempDirectory } from '../support/temp-directory.ts';

const SERVER = selfSigned();
const CLIENT = selfSigned('client');
const STRANGER = selfSigned('stranger');
const CA = Buffer.from(SERVER.cert);

const config = (more: Partial<TlsConfig> = {}): TlsConfig => ({
  serverKey: SERVER.key,
  serverCert: SERVER.cert,
  customCa: undefined,
  verifyClient: false,
  ...more,
});

/** What the handshakes that failed were told to have failed of; `failed` resolves at the next. */
class Failures {
  readonly peers: string[] = [];
  #wake: (() => void) | undefined;

  tls(more: Partial<TlsConfig> = {}, handshakeTimeoutMs?: number): ListenTls {
    const onHandshakeFailed = (error: Error, peer: string): void => {
      assert.ok(error instanceof Error);
      this.peers.push(peer);
      this.#wake?.();
    };
    return { config: config(more), onHandshakeFailed, handshakeTimeoutMs };
  }

  async count(count: number): Promise<void> {
    while (this.peers.length < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

const setUp = (models: GrpcHarness['models']): unknown => models.add('m');
const secure = grpc.credentials.createSsl(CA);
const withCertificate = ({ key, cert }: { key: string; cert: string }): grpc.ChannelCredentials =>
  grpc.credentials.createSsl(CA, Buffer.from(key), Buffer.from(cert));

const callerOf = (record: RequestRecord): string => (record as RequestContext).caller;

async function answers(server: GrpcHarness): Promise<void> {
  const answer = await server.call(PREDICTION, 'Predict', floatRequest([1, 2]));
  assert.deepEqual(answer.outputs.y.float_val, [1, 2]);
}

async function isRefused(server: GrpcHarness, credentials: grpc.ChannelCredentials): Promise<void> {
  const other = new GrpcHarness({ credentials });
  other.address = server.address;
  try {
    const error = await other.failure(PREDICTION, 'Predict', floatRequest([1]));
    assert.equal(error.code, grpc.status.UNAVAILABLE);
  } finally {
    await other.stop();
  }
}

const portOf = (server: GrpcHarness): number => Number(server.address.slice(server.address.lastIndexOf(':') + 1));

eachEngine('a client that trusts the server is answered, and knows who asks', () =>
  withGrpc(
    setUp,
    async (server) => {
      await answers(server);
      assert.match(server.records[0]!.peer, /^127\.0\.0\.1:\d+$/);
    },
    { tls: { config: config() }, credentials: secure },
  ),
);

eachEngine('a client without the certificate that is wanted, or with another, never reaches the service', () => {
  const failures = new Failures();
  return withGrpc(
    setUp,
    async (server) => {
      await answers(server);
      await isRefused(server, secure);
      await isRefused(server, withCertificate(STRANGER));
      await failures.count(2);
      await answers(server);
      assert.equal(server.records.length, 2);
      assert.deepEqual(server.records.map(callerOf), ['tls:CN=client', 'tls:CN=client']);
    },
    {
      tls: failures.tls({ verifyClient: true, customCa: `two of them\n${SERVER.cert}\n${CLIENT.cert}` }),
      credentials: withCertificate(CLIENT),
    },
  );
});

eachEngine('a client’s SPIFFE id is its name, on each of its connections', () => {
  const authority = selfSigned('authority');
  const uris = ['spiffe://prod/ns/shop/sa/orders'];
  const [one, other] = [selfSigned('orders', { authority, uris }), selfSigned('orders-2', { authority, uris })];
  return withGrpc(
    setUp,
    async (server) => {
      await answers(server);
      await answers(server);
      const second = new GrpcHarness({ credentials: withCertificate(other) });
      second.address = server.address;
      await second.call(PREDICTION, 'Predict', floatRequest([1, 2]));
      await second.stop();
      assert.deepEqual(server.records.map(callerOf), new Array(3).fill(`tls:${uris[0]}`));
    },
    { tls: { config: config({ verifyClient: true, customCa: authority.cert }) }, credentials: withCertificate(one) },
  );
});

eachEngine('a client that speaks no TLS, an old TLS or another protocol is closed, and harms nobody', () => {
  const failures = new Failures();
  return withGrpc(
    setUp,
    async (server) => {
      await isRefused(server, grpc.credentials.createInsecure());
      const plain = connect(portOf(server), '127.0.0.1');
      plain.on('error', () => undefined);
      plain.resume();
      plain.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
      await once(plain, 'close');
      for (const options of [
        { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
        { maxVersion: 'TLSv1.2', ciphers: CBC_CIPHERS },
        { ALPNProtocols: ['http/1.1'] },
      ] as const) {
        const socket = connectTls({
          port: portOf(server),
          host: '127.0.0.1',
          ca: CA,
          servername: 'localhost',
          ...options,
        });
        socket.on('secureConnect', () => assert.fail('it was let in'));
        await assert.rejects(once(socket, 'secureConnect')).finally(() => socket.destroy());
      }
      await failures.count(5);
      for (const peer of failures.peers) assert.match(peer, /^(?:127\.0\.0\.1:\d+|unix)$/);
      await answers(server);
      assert.deepEqual(server.internalErrors, []);
    },
    { tls: failures.tls(), credentials: secure },
  );
});

eachEngine('a handshake that does not go on is ended in time', () => {
  const failures = new Failures();
  return withGrpc(
    setUp,
    async (server) => {
      const silent = connect(portOf(server), '127.0.0.1');
      // The head of a ClientHello that never comes.
      silent.write(Buffer.from([0x16, 3, 1, 2, 0]));
      silent.resume();
      await once(silent, 'close');
      assert.equal(failures.peers.length, 1);
      await answers(server);
    },
    // It is the time of good handshakes, too, on a busy machine.
    { tls: failures.tls({}, 2000), credentials: secure },
  );
});

eachEngine('a drain lets the call in flight finish, and ends a handshake that does not begin', async () => {
  const server = new GrpcHarness({ tls: { config: config() }, credentials: secure });
  let answer = (): void => assert.fail('no request arrived');
  const arrived = new Promise<void>((resolve) => {
    server.models.add('m', {
      behave: ({ inputs }) =>
        new Promise((settle) => {
          answer = () => settle(new Map([['y', inputs.get('x')!]]));
          resolve();
        }),
    });
  });
  [server.address] = (await server.server.listen(['127.0.0.1:0'])) as [string];
  const silent = connect(portOf(server), '127.0.0.1');
  silent.on('error', () => undefined);
  silent.resume();
  await once(silent, 'connect');
  const inFlight = server.call(PREDICTION, 'Predict', floatRequest([1]));
  await arrived;
  const closed = once(silent, 'close');
  const drained = server.server.drain();
  answer();
  assert.deepEqual((await inFlight).outputs.y.float_val, [1]);
  await Promise.all([drained, closed]);
  await server.stop();
});

eachEngine('a socket file stays without TLS', (t) =>
  withGrpc(setUp, (server) => answers(server), {
    tls: { config: config() },
    address: `unix:${join(tempDirectory(t), 'grpc.sock')}`,
  }),
);

eachEngine('a key or a certificate that cannot be used is told before it listens', async (t) => {
  for (const wrong of [
    { serverKey: 'no key' },
    { serverCert: '' },
    { serverKey: STRANGER.key },
    { customCa: 'no CA' },
    { customCa: `${SERVER.cert}${CLIENT.cert.replace(/^MI/m, 'M!')}` },
  ]) {
    const server = new GrpcHarness({ tls: { config: config(wrong) } });
    t.after(() => server.stop());
    await assert.rejects(
      server.server.listen(['127.0.0.1:0']),
      (error) => error instanceof ListenError && /cannot use the server's key and certificates/.test(error.message),
      JSON.stringify(wrong).slice(0, 40),
    );
  }
});
