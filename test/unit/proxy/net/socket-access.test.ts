import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { listenNet } from '../../../../src/proxy/net/listen.ts';
import { bindWithAccess } from '../../../../src/proxy/net/socket-access.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const modeOf = (path: string): number => statSync(path).mode & 0o777;

function serverOf(t: { after(run: () => void): void }): Server {
  const server = createServer();
  t.after(() => server.close());
  return server;
}

test('without options a socket is as the umask has it', async (t) => {
  const path = join(tempDirectory(t), 's.sock');
  await listenNet(serverOf(t), `unix:${path}`);
  assert.equal(modeOf(path), 0o777 & ~process.umask());
});

for (const mode of [0o600, 0o660, 0o666, 0o777]) {
  test(`mode ${mode.toString(8)}`, async (t) => {
    const path = join(tempDirectory(t), 's.sock');
    const umask = process.umask();
    await listenNet(serverOf(t), `unix:${path}`, { socketAccess: { mode } });
    assert.equal(modeOf(path), mode);
    assert.equal(process.umask(), umask);
  });
}

test('between bind and chmod nobody else may connect', async (t) => {
  const path = join(tempDirectory(t), 's.sock');
  const server = serverOf(t);
  let bound = -1;
  bindWithAccess(path, { mode: 0o666 }, () => {
    server.listen({ path });
    bound = modeOf(path);
  });
  assert.equal(bound, 0o600);
  assert.equal(modeOf(path), 0o666);
});

test('a group of this process', async (t) => {
  const path = join(tempDirectory(t), 's.sock');
  const group = process.getgroups!().at(-1)!;
  await listenNet(serverOf(t), `unix:${path}`, { socketAccess: { mode: 0o660, group } });
  assert.equal(statSync(path).gid, group);
  assert.equal(modeOf(path), 0o660);
});

test('a group that it may not give is an error, and nothing listens', async (t) => {
  const path = join(tempDirectory(t), 's.sock');
  const server = createServer();
  // 2^31 − 2: also root's chown takes no number above; elsewhere no process is in it.
  const group = process.getuid!() === 0 ? 2 ** 33 : 2 ** 31 - 2;
  await assert.rejects(
    listenNet(server, `unix:${path}`, { socketAccess: { group } }),
    /its mode and group: .*; give a group/,
  );
  assert.equal(server.listening, false);
  assert.equal(existsSync(path), false);
});

test('a path that cannot be bound says so itself', async (t) => {
  const path = join(tempDirectory(t), 'no', 'such', 's.sock');
  await assert.rejects(listenNet(serverOf(t), `unix:${path}`, { socketAccess: { mode: 0o600 } }), /cannot listen on/);
});
