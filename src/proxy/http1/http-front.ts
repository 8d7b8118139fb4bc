import type { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Connection } from './connection.ts';

/** A request that asks for another protocol. */
export interface UpgradeArrival {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  /** The bytes that have come behind its head. */
  readonly head: Buffer;
  readonly connection: Connection;
  /** node:http reads the connection again. */
  readonly readAgain: () => void;
}

/** Takes the requests over HTTP/1.1 whose path is none of this server's. */
export interface HttpFront {
  /** Takes a request that node:http has read. */
  serve(request: IncomingMessage, response: ServerResponse, connection: Connection, expectsContinue: boolean): void;
  /** Takes a request that asks for another protocol. `isOurs`: its path is this server's, which has no other protocol. */
  upgrade(arrival: UpgradeArrival, isOurs: boolean): void;
  /** Ends what it holds. */
  close(): void;
}
