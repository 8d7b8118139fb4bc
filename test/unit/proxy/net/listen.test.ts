import assert from 'node:assert/strict';
import { existsSync, renameSync } from 'node:fs';
import { type AddressInfo, createServer, type ListenOptions, type Server } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { listenNet } from '../../../../src/proxy/net/listen.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

test('resolves with the bound address', async () => {
  const server = createServer();
  const address = await listenNet(server, '127.0.0.1:0');
  assert.equal(address, `127.0.0.1:${(server.address() as AddressInfo).port}`);
  await close(server);
});

/** A server on a machine where binding `::` fails with that code. */
function serverWithout(code: string): Server {
  const server = createServer();
  const listen = server.listen.bind(server);
  server.listen = ((options: ListenOptions) => {
    if (options.host !== '::') return listen(options);
    process.nextTick(() => server.emit('error', Object.assign(new Error(`listen ${code}`), { code })));
    return server;
  }) as typeof server.listen;
  return server;
}

test('"[::]" means IPv4 on a machine without IPv6', async () => {
  for (const code of ['EAFNOSUPPORT', 'EADDRNOTAVAIL']) {
    const server = serverWithout(code);
    assert.match(await listenNet(server, '[::]:0'), /^0\.0\.0\.0:\d+$/);
    await close(server);
  }
});

test('another failure of "[::]" is an error', async () => {
  await assert.rejects(listenNet(serverWithout('EADDRINUSE'), '[::]:0'), {
    code: 'EADDRINUSE',
    message: /^cannot listen on \[::\]:0: .*; stop what holds it or choose another$/,
  });
});

test('a socket file that a dead process left behind is replaced', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'stale.sock');
  const dead = createServer();
  await listenNet(dead, `unix:${path}.first`);
  // Node removes the file by the name that it listened on; a killed process would leave it.
  renameSync(`${path}.first`, path);
  await close(dead);
  assert.equal(existsSync(path), true);
  const server = createServer();
  assert.equal(await listenNet(server, `unix:${path}`), `unix:${path}`);
  await close(server);
  assert.equal(existsSync(path), false);
});

test('a folder that is not there is an error that names the path', async (t) => {
  const path = join(tempDirectory(t), 'none', 'a.sock');
  await assert.rejects(listenNet(createServer(), `unix:${path}`), { message: /^cannot listen on unix:.*none/ });
});
