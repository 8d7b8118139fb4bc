/** The HTTP/2 engine behind a real socket on a free port, for one test: closed with all its connections at its end. */
import { type AddressInfo, createServer, type Server } from 'node:net';
import type { TestContext } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { systemClock } from '../../src/core/clock.ts';
import type { Http2Handler } from '../../src/proxy/http2/connection-core.ts';
import { Http2Server, type Http2ServerInit } from '../../src/proxy/http2/server.ts';

export interface ListenInit extends Partial<Http2ServerInit> {
  readonly handler: Http2Handler;
  /** Speaks TLS, and these protocols by ALPN. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly ALPNProtocols: string[] };
  /** A Unix socket instead of a port. */
  readonly path?: string;
}

export interface Listener {
  readonly engine: Http2Server;
  readonly listener: Server;
  readonly port: number;
}

export async function listen(t: TestContext, { tls, path, ...init }: ListenInit): Promise<Listener> {
  const engine = new Http2Server({ clock: systemClock, ...init });
  const listener = tls
    ? createTlsServer(tls, (socket) => engine.accept(socket))
    : createServer((socket) => engine.accept(socket));
  await new Promise<void>((resolve) => {
    if (path === undefined) listener.listen(0, '127.0.0.1', resolve);
    else listener.listen(path, resolve);
  });
  t.after(() => {
    engine.destroy();
    listener.close();
  });
  const address = listener.address();
  return { engine, listener, port: typeof address === 'object' ? (address as AddressInfo).port : 0 };
}
