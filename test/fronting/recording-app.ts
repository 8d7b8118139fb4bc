/**
 * An application that notes every byte that a proxy sends it, and reads it as strictly as RFC 9112 may be read: what is
 * not the one canonical form of a request is a fault of the proxy, whatever its client sent.
 */
import { Buffer } from 'node:buffer';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type SeenRequest, StrictReader } from './strict-reader.ts';

/** What came within one case. */
export interface Seen {
  readonly requests: readonly SeenRequest[];
  /** Not canonical. */
  readonly faults: readonly string[];
  /** Of each connection, in the order in which they came. */
  readonly streams: readonly Stream[];
}

export interface Stream {
  readonly bytes: Buffer;
  readonly requests: readonly SeenRequest[];
  /** It ends where a request does, and is HTTP/1.1 all along. */
  readonly isComplete: boolean;
}

interface Recorded {
  chunks: Buffer[];
  requests: SeenRequest[];
  isComplete: boolean;
}

export class RecordingApp {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #streams = new Map<Socket, Recorded>();
  #requests: SeenRequest[] = [];
  #faults: string[] = [];

  private constructor() {
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Close it. */
  static async start(): Promise<RecordingApp> {
    const app = new RecordingApp();
    await new Promise<void>((resolve) => app.#server.listen(0, '127.0.0.1', resolve));
    return app;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What has come since the last call. */
  take(): Seen {
    const streams = [...this.#streams.values()].map(({ chunks, ...rest }) => ({
      ...{ bytes: Buffer.concat(chunks), ...rest },
    }));
    const seen = { requests: this.#requests, faults: this.#faults, streams };
    this.#streams.clear();
    this.#requests = [];
    this.#faults = [];
    return seen;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    let isTunnel = false;
    const reader = new StrictReader({
      onHead: (request) => {
        if (request.expectsContinue) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      },
      onRequest: (request) => {
        this.#requests.push(request);
        this.#streamOf(socket).requests.push(request);
        isTunnel = request.upgrade !== undefined;
        socket.write(isTunnel ? switched(request.upgrade!) : answerTo(request));
      },
      onFault: (fault) => {
        this.#faults.push(fault);
        socket.destroy();
      },
    });
    socket.on('data', (chunk) => {
      if (isTunnel) return;
      const stream = this.#streamOf(socket);
      stream.chunks.push(chunk);
      reader.push(chunk);
      stream.isComplete = reader.isBetween && !isTunnel;
    });
  }

  #streamOf(socket: Socket): Recorded {
    const stream = this.#streams.get(socket) ?? { chunks: [], requests: [], isComplete: false };
    this.#streams.set(socket, stream);
    return stream;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

function switched(protocol: string): string {
  return `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${protocol}\r\n\r\n`;
}

/** Says what it answers, so that an answer to another request shows. */
function answerTo({ method, target }: SeenRequest): string {
  const saw = encodeURIComponent(`${method} ${target.slice(0, 100)}`);
  return `HTTP/1.1 200 OK\r\nx-saw: ${saw}\r\ncontent-length: 0\r\n\r\n`;
}
