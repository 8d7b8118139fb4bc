/** A closed loop of unary gRPC calls: each connection sends its call again when its status has come. */
import { GrpcConnection, LOST_CONNECTION } from '../overload/client/grpc-connection.ts';
import { type Metadata, RequestBytes } from '../overload/client/request-bytes.ts';
import type { Load } from './load.ts';

export interface GrpcLoadOptions {
  readonly port: number;
  readonly connections: number;
  readonly path: string;
  readonly message: Uint8Array;
  readonly timeoutMs: number;
  readonly metadata?: Metadata | undefined;
}

export class GrpcLoad implements Load {
  answers = 0;
  readonly ended = 0;
  failure: Error | undefined;
  readonly statuses = new Map<number, number>();
  readonly #connections: GrpcConnection[] = [];
  #isOver = false;

  private constructor() {}

  /** Resolves when all connections are open and have sent their first call. */
  static async open({ port, connections, path, message, timeoutMs, metadata }: GrpcLoadOptions): Promise<GrpcLoad> {
    const load = new GrpcLoad();
    const address = `127.0.0.1:${port}`;
    const parts = { path, authority: address, message, metadata };
    const [first, later] = [new RequestBytes(parts, true), new RequestBytes(parts, false)];
    const send = (index: number, request: RequestBytes): void => {
      const connection = load.#connections[index]!;
      connection.send(request, timeoutMs, index);
      connection.flush();
    };
    for (let index = 0; index < connections; index++) {
      const connection = await GrpcConnection.open(address, (token, status) => {
        if (load.#isOver) return;
        if (status === LOST_CONNECTION) load.failure ??= new Error('a connection was lost');
        else {
          load.answers += 1;
          load.statuses.set(status, (load.statuses.get(status) ?? 0) + 1);
          send(token, later);
        }
      });
      load.#connections.push(connection);
    }
    for (let index = 0; index < connections; index++) send(index, first);
    return load;
  }

  close(): void {
    this.#isOver = true;
    for (const connection of this.#connections) connection.close();
  }
}
