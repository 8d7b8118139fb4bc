/** The operators' server with a token, on a port and on a Unix socket; its audit log; what SIGHUP reads anew. */

import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, describe, it, type TestContext } from 'node:test';
import { newKey } from '../../src/cli/key.ts';
import { writeAccessFile } from '../support/access-file.ts';
import { hasFeature } from '../support/has-feature.ts';
import { DIGITS, killSidecars, type LogLine, runPillion, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';

after(killSidecars);

const NEEDS_AUDIT = { skip: !hasFeature('audit') };
const BODY = JSON.stringify({ instances: [Array.from({ length: 64 }, () => 0.5)] });

interface Asked {
  readonly status: number;
  readonly body: string;
  readonly answer: IncomingMessage;
}

/** `to`: "http://host:port", or a socket's path. A header may have several values. */
async function ask(
  to: string,
  path: string,
  headers: Record<string, string | string[]> = {},
  { method = 'GET', body = '' } = {},
): Promise<Asked> {
  const where = to.startsWith('/') ? { socketPath: to, path, host: 'localhost' } : new URL(path, to);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = { method, headers: { 'x-pillion-console': '1', ...headers }, agent: false as const };
    const sent = where instanceof URL ? request(where, options, resolve) : request({ ...where, ...options }, resolve);
    sent.once('error', reject).end(body);
  });
  if (path === '/events') {
    answer.destroy();
    return { status: answer.statusCode!, body: '', answer };
  }
  return { status: answer.statusCode!, body: await text(answer), answer };
}

interface Operated {
  readonly sidecar: Sidecar;
  readonly token: string;
  readonly tokenFile: string;
  readonly auditFile: string;
  audit(): readonly LogLine[];
}

async function startWithToken(t: TestContext, ...args: readonly string[]): Promise<Operated> {
  const directory = tempDirectory(t);
  const { key: token } = newKey();
  const tokenFile = join(directory, 'token');
  const auditFile = join(directory, 'audit.log');
  writeFileSync(tokenFile, `${token}\n`);
  const own = [`--admin_token_file=${tokenFile}`, ...(hasFeature('audit') ? [`--audit_log_file=${auditFile}`] : [])];
  const sidecar = await startSidecar([...DIGITS, '--capture_payloads=all', ...own, ...args]);
  const audit = (): readonly LogLine[] => {
    const lines = readFileSync(auditFile, 'utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as LogLine);
  };
  return { sidecar, token, tokenFile, auditFile, audit };
}

const READS = [
  ...[
    '/models',
    '/models/digits',
    '/models/digits/samples',
    '/requests',
    '/requests/1',
    '/requests/1/payload',
    '/arrivals',
    '/help',
    ...(hasFeature('headroom') ? ['/headroom'] : []),
    ...(hasFeature('envoy-admin') ? ['/config_dump', '/server_info', '/stats', '/logging'] : []),
  ],
  ...['/about', '/events', '/metrics', '/monitoring/prometheus/metrics', '/profile?seconds=1', '/record?model=digits'],
  '/nothing',
];
const POSTS = [
  ...['/models/digits/reload', '/models/digits/unload', '/models/digits/load'],
  ...['/playground/predict?model=digits', '/drain', '/quitquitquit', '/logging?level=debug', '/nothing'],
];

describe('a token for operators', () => {
  it('is wanted for everything but the probes and the page', async (t) => {
    const { sidecar, token } = await startWithToken(t);
    const wrong: readonly Record<string, string | string[]>[] = [
      {},
      { authorization: `Bearer ${token.slice(0, -1)}` },
      { authorization: `Bearer ${token}x` },
      { authorization: token },
      { authorization: `Basic ${token}` },
      { authorization: 'Bearer ' },
      { 'x-api-key': token },
      { cookie: `authorization=Bearer ${token}; token=${token}` },
      { authorization: `Bearer ${token},Bearer ${token}` },
    ];
    for (const headers of wrong) {
      for (const path of READS) {
        const { status, answer } = await ask(sidecar.admin, path, headers);
        assert.equal(status, 401, `${path} ${JSON.stringify(headers)}`);
        assert.equal(answer.headers['www-authenticate'], 'Bearer realm="pillion"');
      }
      for (const path of POSTS) {
        const { status } = await ask(sidecar.admin, path, headers, { method: 'POST', body: BODY });
        assert.equal(status, 401, path);
      }
      assert.equal((await ask(sidecar.admin, `/models?authorization=Bearer%20${token}`, headers)).status, 401);
    }
    for (const path of ['/live', '/startup', '/ready', '/'])
      assert.equal((await ask(sidecar.admin, path)).status, 200, path);
  });

  it('opens what it guards, and leaves the guards against other pages', async (t) => {
    const { sidecar, token } = await startWithToken(t);
    const authorization = `Bearer ${token}`;
    for (const path of ['/models', '/models/digits', '/requests', '/about', '/events', '/metrics']) {
      assert.equal((await ask(sidecar.admin, path, { authorization })).status, 200, path);
    }
    const foreign: readonly Record<string, string>[] = [
      { host: 'evil.example' },
      { origin: 'https://evil.example' },
      { 'sec-fetch-site': 'same-site' },
    ];
    for (const headers of foreign) {
      assert.equal((await ask(sidecar.admin, '/models', { authorization, ...headers })).status, 403);
      const post = { method: 'POST', body: BODY };
      assert.equal(
        (await ask(sidecar.admin, '/models/digits/unload', { authorization, ...headers }, post)).status,
        403,
      );
    }
  });

  it('has its deeds in the audit log, and those whom it was refused', NEEDS_AUDIT, async (t) => {
    const { sidecar, token, auditFile, audit } = await startWithToken(t);
    const authorization = `Bearer ${token}`;
    const post = { method: 'POST', body: BODY };
    assert.equal((await ask(sidecar.admin, '/models/digits/unload?version=1', {}, post)).status, 401);
    assert.equal((await ask(sidecar.admin, '/models', { authorization })).status, 200);
    assert.equal((await ask(sidecar.admin, '/playground/predict?model=digits', { authorization }, post)).status, 200);
    const [first] = (
      JSON.parse((await ask(sidecar.admin, '/requests', { authorization })).body) as { requests: { id: string }[] }
    ).requests;
    assert.equal((await ask(sidecar.admin, `/requests/${first!.id}/payload`, { authorization })).status, 200);
    assert.equal((await ask(sidecar.admin, '/profile?seconds=0', { authorization })).status, 400);
    assert.equal((await ask(sidecar.admin, '/models/digits/unload?version=1', { authorization }, post)).status, 202);
    await sidecar.stop();
    const lines = audit().map(({ method, outcome, by, model, version, reason }) =>
      [method, outcome, by, model, version, reason].filter((value) => value !== undefined).join(' '),
    );
    assert.deepEqual(lines, [
      'unload refused unknown digits 1 401',
      'playground predict done admin token digits',
      'payload done admin token',
      'profile failed admin token 400',
      'unload done admin token digits 1',
    ]);
    for (const { audit: isAudit, surface, peer } of audit()) {
      assert.deepEqual([isAudit, surface], [true, 'admin']);
      assert.match(String(peer), /^127\.0\.0\.1:\d+$/);
    }
    assert.equal(statSync(auditFile).mode & 0o777, 0o600);
    assert.doesNotMatch(readFileSync(auditFile, 'utf8') + sidecar.output(), new RegExp(token));
  });

  it('bounds the lines about refusals, and counts the rest', NEEDS_AUDIT, async (t) => {
    const { sidecar, audit } = await startWithToken(t);
    await Promise.all(Array.from({ length: 200 }, () => ask(sidecar.admin, '/models')));
    await sidecar.stop();
    const left = audit().reduce((sum, line) => sum + Number(line['lines'] ?? 0), 0);
    const written = audit().filter(({ method }) => method === 'read').length;
    assert.equal(written + left, 200);
    assert.ok(left > 0);
  });

  it('is not taken if it is short, missing or a directory', async (t) => {
    const directory = tempDirectory(t);
    const short = join(directory, 'short');
    writeFileSync(short, 'hunter2hunter2');
    for (const file of [short, join(directory, 'none'), directory]) {
      const ended = runPillion(['serve', ...DIGITS, `--admin_token_file=${file}`]);
      assert.equal(await ended.exited, 64);
      assert.match(ended.output(), new RegExp(`pillion: ${file}: `));
      assert.doesNotMatch(ended.output(), /hunter2/);
    }
  });
});

describe('a Unix socket for operators', () => {
  it('is this user’s alone, and the commands find it with the token', async (t) => {
    const socket = join(tempDirectory(t), 'admin.sock');
    const { sidecar, tokenFile } = await startWithToken(t, `--admin_socket_path=${socket}`, '--admin_port=-1');
    assert.equal(sidecar.admin, `http://unix:${socket}`);
    assert.equal(statSync(socket).mode & 0o777, 0o600);
    assert.equal((await ask(socket, '/ready')).status, 200);
    assert.equal((await ask(socket, '/models')).status, 401);
    const admin = `--admin=unix:${socket}`;
    const token = `--admin_token_file=${tokenFile}`;
    const status = runPillion(['status', admin, token]);
    assert.equal(await status.exited, 0);
    assert.match(status.output(), /digits/);
    const doctor = runPillion(['doctor', admin, token, '--seconds=0', '--format=json']);
    assert.notEqual(await doctor.exited, 2, doctor.output());
    const refused = runPillion(['status', admin]);
    assert.equal(await refused.exited, 1);
    assert.match(refused.output(), /unix:.*: this server wants the token of --admin_token_file/);
    await sidecar.stop();
    assert.equal(existsSync(socket), false);
  });

  it('is wanted where there is no port', async () => {
    const ended = runPillion(['serve', ...DIGITS, '--admin_port=-1']);
    assert.equal(await ended.exited, 64);
    assert.match(ended.output(), /--admin_port=-1 leaves operators no way in; give --admin_socket_path=PATH too/);
  });
});

describe('SIGHUP', { skip: !hasFeature('authorization') || !hasFeature('audit') }, () => {
  it('reads the token and the rules anew, and opens the audit log anew', async (t) => {
    const directory = tempDirectory(t);
    const [before, later] = [newKey(), newKey()];
    const may = [{ models: ['digits'], methods: ['status'] }];
    const rules = writeAccessFile(directory, [{ name: 'p', keys: [before.hash], may }]);
    const args = [`--authorization_file=${rules}`, '--authorization_file_poll_wait_seconds=0'];
    const { sidecar, token, tokenFile, auditFile, audit } = await startWithToken(t, ...args);
    const statusFor = async (key: string): Promise<number> =>
      (await ask(sidecar.rest, '/v1/models/digits', { 'x-api-key': key })).status;
    assert.deepEqual([await statusFor(before.key), await statusFor(later.key)], [200, 401]);

    renameSync(auditFile, `${auditFile}.1`);
    const next = newKey().key;
    writeFileSync(tokenFile, next);
    writeAccessFile(directory, [{ name: 'q', keys: [later.hash], may }]);
    sidecar.process.kill('SIGHUP');
    await sidecar.line(({ event, msg }) => event === 'authorization' && msg?.startsWith('new rules') === true);
    assert.deepEqual([await statusFor(before.key), await statusFor(later.key)], [401, 200]);
    assert.equal((await ask(sidecar.admin, '/models', { authorization: `Bearer ${token}` })).status, 401);
    assert.equal((await ask(sidecar.admin, '/models', { authorization: `Bearer ${next}` })).status, 200);

    writeFileSync(rules, 'principals: [');
    sidecar.process.kill('SIGHUP');
    const loud = await sidecar.line(({ event, level }) => event === 'authorization' && level === 'error');
    assert.match(loud.msg!, /is not taken, the rules before stay: .*authorization\.yaml:1:14/);
    assert.deepEqual([await statusFor(before.key), await statusFor(later.key)], [401, 200]);
    await sidecar.stop();
    assert.ok(audit().some(({ reason }) => reason === 'unauthenticated: key'));
    assert.equal(statSync(auditFile).mode & 0o777, 0o600);
  });

  it('polls the rules as well', async (t) => {
    const directory = tempDirectory(t);
    const [before, later] = [newKey(), newKey()];
    const may = [{ models: ['digits'], methods: ['status'] }];
    const rules = writeAccessFile(directory, [{ name: 'p', keys: [before.hash], may }]);
    const sidecar = await startSidecar([
      ...DIGITS,
      `--authorization_file=${rules}`,
      '--authorization_file_poll_wait_seconds=1',
    ]);
    writeAccessFile(directory, [{ name: 'q', keys: [later.hash], may }]);
    await sidecar.line(({ event, msg }) => event === 'authorization' && msg?.startsWith('new rules') === true);
    assert.equal((await ask(sidecar.rest, '/v1/models/digits', { 'x-api-key': later.key })).status, 200);
    await sidecar.stop();
  });
});

describe('the audit log’s file', NEEDS_AUDIT, () => {
  it('is no link', async (t) => {
    const directory = tempDirectory(t);
    const link = join(directory, 'audit.log');
    symlinkSync(join(directory, 'elsewhere'), link);
    const ended = runPillion([
      'serve',
      ...DIGITS,
      '--port=0',
      '--rest_api_port=0',
      '--admin_port=0',
      `--audit_log_file=${link}`,
    ]);
    assert.equal(await ended.exited, 1);
    assert.match(ended.output(), /--audit_log_file=.*ELOOP.*name a file, not a link/);
    assert.equal(existsSync(join(directory, 'elsewhere')), false);
  });
});
