/**
 * A sidecar that is watched for what nobody asked it to tell: its home, its cache and its temporary folder are its own
 * and empty at first, and what it asks of the web goes by a proxy of the test's, which lets nothing through.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { nativesDirectory } from '../../src/backends/natives-directory.ts';
import { modelProcesses } from './child-processes.ts';
import { hasFeature } from './has-feature.ts';
import { openHandles } from './open-handles.ts';
import { type Sidecar, startSidecar } from './sidecar.ts';
import { tempDirectory } from './temp-directory.ts';

export interface WatchedSidecar extends Sidecar {
  /** The files in its directories. */
  filesLeft(): readonly string[];
  /** First lines of what it asked the proxy: "CONNECT example.org:443 HTTP/1.1". */
  readonly asked: readonly string[];
  /** Resolves with the first of them, past or future. */
}

/** `telemetry`: ORT_DISABLE_TELEMETRY of the operator, who by default has said nothing. */
export async function startWatched(
  t: TestContext,
  args: readonly string[],
  telemetry?: string,
): Promise<WatchedSidecar> {
  const root = tempDirectory(t);
  const [home, cache, temporary] = ['home', 'cache', 'temporary'].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  for (const directory of [home, cache, temporary]) mkdirSync(directory);
  const proxy = await startProxy(t);
  // Else the sandbox, and not the runtimes, could be why models' processes leave nothing.
  const sidecar = await startSidecar([...args, ...(hasFeature('sandbox') ? ['--model_sandbox=off'] : [])], {
    HOME: home,
    XDG_CACHE_HOME: cache,
    TMPDIR: temporary,
    // The default is the user's cache.
    PILLION_NATIVES_DIRECTORY: nativesDirectory(),
    ORT_DISABLE_TELEMETRY: telemetry,
    http_proxy: proxy.url,
    https_proxy: proxy.url,
    all_proxy: proxy.url,
    no_proxy: undefined,
    NO_PROXY: undefined,
  });
  return {
    ...sidecar,
    filesLeft: () => readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => path.includes('/')),
    asked: proxy.asked,
  };
}

/**
 * Throws where it, or a process of its models, left a file, holds one open to write, has a socket that its
 * configuration does not name, or asked the web for anything.
 */
export function assertTellsNobody(sidecar: WatchedSidecar): void {
  const pid = sidecar.process.pid!;
  const { files, sockets } = openHandles(pid);
  assert.deepEqual(sidecar.filesLeft(), []);
  const written = files.filter(({ path, isWritable }) => isWritable && !/^\/(?:dev\/null$|proc\/)/.test(path));
  assert.deepEqual(written, []);
  const own = new Set([sidecar.grpc, ...[sidecar.rest, sidecar.admin].map((url) => url.slice('http://'.length))]);
  const strange = sockets.filter(
    ({ protocol, local }) => !(protocol === 'tcp' && own.has(local)) && !(protocol === 'unix' && local === ''),
  );
  assert.deepEqual(strange, []);
  assert.ok(sockets.some(({ local }) => local === sidecar.grpc));
  // Unnamed ones: what it prints goes to this process; each child prints into two more and has frames and heartbeats.
  const unnamed = sockets.filter(({ protocol }) => protocol === 'unix').length;
  const most = 2 + 8 * modelProcesses(pid).length;
  assert.ok(unnamed <= most, `${unnamed} Unix sockets, and hosts need ${most}`);
  assert.deepEqual(sidecar.asked, []);
}

interface Proxy {
  readonly url: string;
  readonly asked: readonly string[];
}

async function startProxy(t: TestContext): Promise<Proxy> {
  const asked: string[] = [];
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => open.delete(socket));
    socket.once('data', (head) => {
      asked.push(head.toString('latin1').split('\r\n', 1)[0]!);
      socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return { url: `http://127.0.0.1:${port}`, asked };
}
