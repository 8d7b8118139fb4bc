/** TLS in front of an application, and an application on a Unix socket. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseAppAddress } from '../../../../src/proxy/fronting/app/app-address.ts';
import { AppClient } from '../../../../src/proxy/fronting/app/app-client.ts';
import { RestHarness } from '../../../support/rest-harness.ts';
import { selfSigned } from '../../../support/self-signed.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';
import { bodyOf, frontOf, httpFront } from '../fronted-app.ts';

const SERVER = selfSigned();
const TLS = { config: { serverKey: SERVER.key, serverCert: SERVER.cert, customCa: undefined, verifyClient: false } };

/** An application on a Unix socket that gives back the headers that it gets, and echoes what is upgraded. */
async function serve(t: TestContext): Promise<RestHarness> {
  const path = join(tempDirectory(t), 'app.sock');
  const app = createServer((received, response) => response.end(JSON.stringify(received.headers)));
  app.on('upgrade', (_received, socket: Socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n');
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => app.listen(path, resolve));
  const client = new AppClient(parseAppAddress(`unix:${path}`));
  const front = httpFront(frontOf(client));
  const rest = await new RestHarness({ server: { front, tls: TLS } }).listen();
  t.after(async () => {
    await rest.close();
    await new Promise((resolve) => app.close(resolve));
  });
  return rest;
}

const to = ({ address }: RestHarness): object => ({
  host: '127.0.0.1',
  port: Number(address.slice(address.lastIndexOf(':') + 1)),
  servername: 'localhost',
  ca: SERVER.cert,
  agent: false,
});

test('the application is told that its client came by TLS', async (t) => {
  const rest = await serve(t);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ ...to(rest), path: '/x', headers: { host: 'a.example' } }, resolve)
      .on('error', reject)
      .end();
  });
  const got = JSON.parse((await bodyOf(answer)).toString()) as Record<string, string>;
  assert.equal(got['x-forwarded-proto'], 'https');
  assert.equal(got['x-forwarded-host'], 'a.example');
  assert.equal(got['host'], 'a.example');
});

test('a tunnel leads through TLS to a socket file, and ends', async (t) => {
  const rest = await serve(t);
  const socket = await new Promise<Socket>((resolve, reject) => {
    request({ ...to(rest), path: '/x', headers: { connection: 'upgrade', upgrade: 'echo' } })
      .on('upgrade', (_answer, upgraded: Socket) => resolve(upgraded))
      .on('error', reject)
      .end();
  });
  socket.write('ping');
  const [first] = await once(socket, 'data');
  assert.equal(String(first), 'ping');
  // node's TLS has no half-closes: the end of one direction is that of both.
  const closed = once(socket, 'close');
  socket.end();
  await closed;
});
