/** The client of the ws package, which comes with the Fastify application, with answers to wait for. */
import type { Buffer } from 'node:buffer';
import { EventEmitter, once } from 'node:events';
import { createRequire } from 'node:module';
import process from 'node:process';

export interface WebSocketClient {
  /** What both ends have agreed upon. */
  readonly extensions: string;
  /** The code with which it was closed. */
  readonly closed: Promise<number>;
  send(data: string | Buffer): void;
  /** The next message, bytes as characters, and whether it is binary. */
  next(): Promise<readonly [string, boolean]>;
  /** Resolves with the pong. */
  ping(data: string): Promise<void>;
  close(code: number): void;
  terminate(): void;
}

interface WsSocket extends EventEmitter {
  readonly extensions: string;
  send(data: string | Buffer): void;
  ping(data: string): void;
  close(code: number): void;
  terminate(): void;
}

type WsConstructor = new (url: string, options: { readonly perMessageDeflate: object }) => WsSocket;

/** Resolves when it is open. */
export async function openWebSocket(url: string): Promise<WebSocketClient> {
  const { WebSocket } = createRequire(process.env['PILLION_FRONTED_NODE']!)('ws') as { WebSocket: WsConstructor };
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`, { perMessageDeflate: { threshold: 0 } });
  const messages: (readonly [string, boolean])[] = [];
  let agreed = '';
  const arrived = new EventEmitter();
  socket.on('upgrade', (answer: { headers: Record<string, string | undefined> }) => {
    agreed = answer.headers['sec-websocket-extensions'] ?? '';
  });
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    messages.push([data.toString(isBinary ? 'latin1' : 'utf8'), isBinary]);
    arrived.emit('message');
  });
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  await once(socket, 'open');
  return {
    extensions: agreed,
    closed,
    send: (data) => socket.send(data),
    next: async () => {
      while (messages.length === 0) await once(arrived, 'message');
      return messages.shift()!;
    },
    ping: async (data) => {
      const pong = once(socket, 'pong') as Promise<[Buffer]>;
      socket.ping(data);
      const [bytes] = await pong;
      if (bytes.toString() !== data) throw new Error(`a pong of ${bytes}`);
    },
    close: (code) => socket.close(code),
    terminate: () => socket.terminate(),
  };
}
