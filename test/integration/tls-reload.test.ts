/** Key, certificates and authorities replaced while the real process serves: nobody loses a connection or a request. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { join } from 'node:path';
import { afterEach, describe, type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { ConfigFiles } from '../support/config-files.ts';
import { ENGINE_NAMES, engineFlags } from '../support/engine-names.ts';
import { MountedSecret } from '../support/mounted-secret.ts';
import { RestartClients } from '../support/restart-clients.ts';
import { RESTART_REQUESTS } from '../support/restarts.ts';
import { type KeyAndCert, selfSigned } from '../support/self-signed.ts';
import { killSidecars, type LogLine, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { writeSurfaceModels } from '../support/surface-models.ts';
import { MetricsPage } from '../support/surface-sidecar.ts';

const MODEL = '/v1/models/float';
const [FIRST, SECOND] = [selfSigned(), selfSigned()];
/** Signs servers' certificates: clients trust it whichever is served. */
const AUTHORITY = selfSigned('authority');
const issued = (): KeyAndCert => selfSigned('localhost', { authority: AUTHORITY });

afterEach(killSidecars);

const secretOf = ({ key, cert }: KeyAndCert, more: Readonly<Record<string, string>> = {}) => ({
  'tls.key': key,
  'tls.crt': cert,
  ...more,
});

const flagsOf = (secret: MountedSecret, hasCa = false): readonly string[] => [
  `--tls_cert_file=${secret.path('tls.crt')}`,
  `--tls_key_file=${secret.path('tls.key')}`,
  ...(hasCa ? [`--tls_client_ca_file=${secret.path('ca.crt')}`] : []),
];

async function start(t: TestContext, args: readonly string[]): Promise<Sidecar> {
  const models = writeSurfaceModels(new ConfigFiles(t).directory, ['float']);
  return startSidecar([...models, '--num_batch_threads=1', ...args]);
}

const isReload = ({ event }: LogLine): boolean => event === 'tls_reload';
const reloads = ({ lines }: Sidecar): number => lines.filter(isReload).length;

/** Resolves with what the log says of SIGHUP. */
async function reread(sidecar: Sidecar): Promise<LogLine> {
  const before = reloads(sidecar);
  sidecar.process.kill('SIGHUP');
  await sidecar.line(() => reloads(sidecar) > before);
  return sidecar.lines.filter(isReload)[before]!;
}

const portsOf = ({ rest, grpc }: Sidecar): readonly [rest: number, grpc: number] => [
  Number(new URL(rest).port),
  Number(grpc.split(':')[1]),
];

function open(port: number, options: ConnectionOptions = {}): TLSSocket {
  const ALPNProtocols = ['h2', 'http/1.1'];
  return connect({
    port,
    host: '127.0.0.1',
    servername: 'localhost',
    rejectUnauthorized: false,
    ALPNProtocols,
    ...options,
  });
}

/** The certificate that a port shows. */
async function served(port: number): Promise<string> {
  const socket = open(port);
  await once(socket, 'secureConnect');
  const certificate = socket.getPeerX509Certificate()!.toString();
  socket.destroy();
  return certificate;
}

/** The answer to a request on a connection, or '' if it is closed without one. */
async function ask(socket: TLSSocket): Promise<string> {
  socket.write(`GET ${MODEL} HTTP/1.1\r\nhost: a\r\n\r\n`);
  return new Promise((resolve) => {
    socket.once('data', (chunk) => resolve(String(chunk)));
    socket.once('error', () => undefined);
    socket.once('close', () => resolve(''));
  });
}

const metricsOf = async ({ admin }: Sidecar): Promise<MetricsPage> =>
  new MetricsPage(await (await fetch(`${admin}/metrics`)).text());

describe('new certificates', () => {
  for (const engine of ENGINE_NAMES) {
    test(`are served as Kubernetes changes them, under load, and fail nothing (${engine})`, async (t) => {
      const secret = new MountedSecret(t, secretOf(issued()));
      const sidecar = await start(t, [...flagsOf(secret), '--tls_poll_wait_seconds=1', ...engineFlags(engine)]);
      const [rest, grpc] = portsOf(sidecar);
      const ca = AUTHORITY.cert;
      const clients = (['rest', 'grpc'] as const).map((protocol) => {
        const address = protocol === 'rest' ? `127.0.0.1:${rest}` : sidecar.grpc;
        return new RestartClients({ name: protocol, protocol, address, ca }, RESTART_REQUESTS[protocol], 4, 20);
      });
      for (let i = 0; i < 12; i++) {
        const next = issued();
        secret.change(secretOf(next));
        // The first is found by itself.
        if (i === 0) await sidecar.line(isReload);
        else assert.equal((await reread(sidecar)).level, 'info');
        for (const port of [rest, grpc]) assert.equal(await served(port), next.cert);
        const enough = clients.map(({ tally }) => tally.answered + 2);
        while (clients.some(({ tally }, at) => tally.answered < enough[at]!)) await new Promise(setImmediate);
      }
      while (clients.some(({ tally }) => tally.connections <= 4)) await new Promise(setImmediate);
      await Promise.all(clients.map((each) => each.stop()));
      for (const { tally } of clients) {
        const { answered, connections, ...failures } = tally;
        assert.deepEqual(failures, {
          ...{ turnedAway: 0, again: 0, failedConnects: 0, firstWasReset: 0, afterIdle: 0 },
          ...{ lost: [], wrong: [] },
        });
        assert.ok(answered > 12 && connections > 4, `${answered} ${connections}`);
      }
      const page = await metricsOf(sidecar);
      assert.equal(page.value('pillion_tls_reloads_total', { outcome: 'applied' }), 12);
      assert.equal(await sidecar.stop(), 0);
    });
  }

  test('leave open connections as they are', async (t) => {
    const secret = new MountedSecret(t, secretOf(FIRST));
    const sidecar = await start(t, flagsOf(secret));
    const [rest, grpc] = portsOf(sidecar);
    const socket = open(rest);
    await once(socket, 'secureConnect');
    const session = connectHttp2(`https://localhost:${grpc}`, { rejectUnauthorized: false });
    await once(session, 'connect');
    secret.change(secretOf(SECOND));
    await reread(sidecar);
    assert.match(await ask(socket), /^HTTP\/1\.1 200/);
    session.ping(() => undefined);
    const [, payload] = await new Promise<[number, Buffer]>((resolve, reject) => {
      session.ping((error, duration, bytes) => (error === null ? resolve([duration, bytes]) : reject(error)));
    });
    assert.equal(payload.length, 8);
    session.destroy();
    socket.destroy();
    assert.equal(await sidecar.stop(), 0);
  });

  test('are read from an SSLConfig too', async (t) => {
    const files = new ConfigFiles(t);
    const text = ({ key, cert }: KeyAndCert): string =>
      `server_key: ${JSON.stringify(key)} server_cert: ${JSON.stringify(cert)}`;
    const path = files.write('ssl.config', text(FIRST));
    const sidecar = await start(t, [`--ssl_config_file=${path}`]);
    const [, grpc] = portsOf(sidecar);
    assert.equal(await served(grpc), FIRST.cert);
    files.write('ssl.config', text(SECOND));
    assert.equal((await reread(sidecar)).level, 'info');
    assert.equal(await served(grpc), SECOND.cert);
    files.write('ssl.config', `${text(FIRST)} client_verify: true`);
    assert.match((await reread(sidecar)).msg!, /client_verify has changed, which takes effect at the next start/);
    assert.equal(await served(grpc), SECOND.cert);
    assert.equal(await sidecar.stop(), 0);
  });
});

describe('what cannot be served', () => {
  const future = selfSigned('localhost', { from: '480101000000Z' });
  const past = selfSigned('localhost', { until: '210101000000Z' });
  const truncated = (pem: string, share: number): string => pem.slice(0, pem.length * share);
  const bad: readonly (readonly [name: string, files: Record<string, string>, reason: RegExp])[] = [
    [
      'half a key',
      { ...secretOf(SECOND), 'tls.key': truncated(SECOND.key, 0.5) },
      /tls\.key: breaks off in the middle/,
    ],
    ['half a certificate', { ...secretOf(SECOND), 'tls.crt': truncated(SECOND.cert, 0.5) }, /tls\.crt: breaks off/],
    [
      'a chain that breaks off in a BEGIN line',
      { ...secretOf(SECOND), 'tls.crt': `${SECOND.cert}-----BEGIN CERT` },
      /tls\.crt: breaks off/,
    ],
    ['nothing yet', { 'tls.key': '', 'tls.crt': '' }, /tls\.key: wants PEM text/],
    [
      'another’s key',
      { ...secretOf(SECOND), 'tls.key': FIRST.key },
      /is not the key of the first certificate in .*tls\.crt/,
    ],
    ['an expired certificate', secretOf(past), /has expired at 2021-01-01T/],
    ['one that is not valid yet', secretOf(future), /is not valid before 2048-01-01T/],
    ['half the authorities', secretOf(SECOND, { 'ca.crt': truncated(FIRST.cert, 0.9) }), /ca\.crt: breaks off/],
    ['no file', { 'tls.crt': SECOND.cert }, /tls\.key: there is no such file/],
  ];

  test('is refused with its reason; what was served stays, and good files are taken again', async (t) => {
    const secret = new MountedSecret(t, secretOf(FIRST, { 'ca.crt': FIRST.cert }));
    const sidecar = await start(t, [
      ...flagsOf(secret, true),
      '--tls_verify_client=false',
      '--tls_poll_wait_seconds=1',
    ]);
    const [rest, grpc] = portsOf(sidecar);
    for (const [name, files, reason] of bad) {
      secret.change({ 'ca.crt': FIRST.cert, ...files });
      const line = await reread(sidecar);
      assert.equal(line.level, 'error', name);
      assert.match(line.msg!, reason);
      assert.match(line.msg!, /the ones before stay in use/);
      assert.doesNotMatch(JSON.stringify(line), /BEGIN CERTIFICATE-----\\n|[A-Za-z0-9+/]{60}/);
      for (const port of [rest, grpc]) assert.equal(await served(port), FIRST.cert, name);
    }
    const page = await metricsOf(sidecar);
    assert.equal(page.value('pillion_tls_reloads_total', { outcome: 'refused' }), bad.length);
    const left = page.value('pillion_tls_certificate_expiry_seconds');
    assert.ok(left > 86_400 && left < 30 * 366 * 86_400, String(left));
    secret.change(secretOf(SECOND, { 'ca.crt': FIRST.cert }));
    assert.equal((await reread(sidecar)).level, 'info');
    for (const port of [rest, grpc]) assert.equal(await served(port), SECOND.cert);
    assert.equal(await sidecar.stop(), 0);
  });
});

describe('rotated authorities', () => {
  test('let their clients in, and the others out, with a ticket of before too', async (t) => {
    const [old, next] = [selfSigned('old'), selfSigned('next')];
    const [early, late] = [old, next].map((authority) => selfSigned('client', { authority }));
    const secret = new MountedSecret(t, secretOf(FIRST, { 'ca.crt': old.cert }));
    const sidecar = await start(t, flagsOf(secret, true));
    const [rest] = portsOf(sidecar);
    const isLetIn = async (options: ConnectionOptions): Promise<boolean> => {
      const socket = open(rest, { ALPNProtocols: ['http/1.1'], ...options });
      socket.on('error', () => undefined);
      const answer = await ask(socket);
      socket.destroy();
      return answer.startsWith('HTTP/1.1 200');
    };
    const kept = open(rest, { ...early!, ALPNProtocols: ['http/1.1'] });
    const ticket = once(kept, 'session') as Promise<[Buffer]>;
    assert.match(await ask(kept), /^HTTP\/1\.1 200/);
    const [session] = await ticket;
    assert.deepEqual([await isLetIn(early!), await isLetIn(late!), await isLetIn({ session })], [true, false, true]);
    for (const [authorities, isOldIn] of [
      [`${old.cert}${next.cert}`, true],
      [next.cert, false],
    ] as const) {
      secret.change(secretOf(FIRST, { 'ca.crt': authorities }));
      assert.equal((await reread(sidecar)).level, 'info');
      assert.deepEqual([await isLetIn(early!), await isLetIn(late!)], [isOldIn, true]);
      assert.equal(await isLetIn({ session }), false, 'without a certificate');
      assert.match(await ask(kept), /^HTTP\/1\.1 200/);
    }
    kept.destroy();
    assert.equal(await sidecar.stop(), 0);
  });
});

describe('SIGHUP', () => {
  test('in a storm, with both files to read, fails nothing and is answered once in a while', async (t) => {
    const files = new ConfigFiles(t);
    const [flag] = writeSurfaceModels(files.directory, ['float']);
    const [, path] = /^--model=float=([^,]*)/.exec(flag!)!;
    const list = `model_config_list { config { name: "float" base_path: "${path}" } }`;
    const secret = new MountedSecret(t, secretOf(issued()));
    const config = `--model_config_file=${files.write('models.config', list)}`;
    const sidecar = await startSidecar([
      config,
      ...flagsOf(secret),
      `--grpc_socket_path=${join(files.directory, 'grpc')}`,
    ]);
    const ca = AUTHORITY.cert;
    const targets = (['rest', 'grpc'] as const).map((protocol) => ({
      ...{ name: protocol, protocol, ca },
      address: protocol === 'rest' ? sidecar.rest.slice('http://'.length) : sidecar.grpc,
    }));
    const clients = targets.map((target) => new RestartClients(target, RESTART_REQUESTS[target.protocol], 4, 20));
    const answered = (): number => Math.min(...clients.map(({ tally }) => tally.answered));
    const signals = 2000;
    for (let i = 0; i < signals; i++) {
      sidecar.process.kill('SIGHUP');
      if (i % 200 === 100) {
        secret.change(secretOf(issued()));
        const enough = answered() + 5;
        while (answered() < enough) await new Promise(setImmediate);
      }
    }
    const last = issued();
    secret.change(secretOf(last));
    // The next lines may be of signals before it.
    for (const port of portsOf(sidecar)) while ((await served(port)) !== last.cert) await reread(sidecar);
    await Promise.all(clients.map((each) => each.stop()));
    for (const { tally } of clients) assert.deepEqual([tally.lost, tally.wrong, tally.failedConnects], [[], [], 0]);
    const isFault = ({ level }: LogLine): boolean => level === 'error' || level === 'fatal';
    assert.deepEqual(sidecar.lines.filter(isFault), []);
    assert.equal(await sidecar.stop(), 0);
  });
});
