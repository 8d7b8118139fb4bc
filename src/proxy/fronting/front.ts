/**
 * The application behind this server, for the REST surface: requests that are not this server's own go to it
 * (src/proxy/fronting/README.md).
 */
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Connection } from '../http1/connection.ts';
import type { HttpFront, UpgradeArrival } from '../http1/http-front.ts';
import type { FrontedApps } from './fronted-apps.ts';
import { FrontedRequest } from './fronted-request.ts';
import { headWithoutUpgrade, mayUpgrade } from './heads/without-upgrade.ts';
import { type Arrival, Http1Client, type Http1ClientParts } from './http1-client.ts';

export class Http1Front implements HttpFront {
  readonly #apps: FrontedApps;
  readonly #client: Http1ClientParts;

  constructor(apps: FrontedApps, client: Http1ClientParts) {
    this.#apps = apps;
    this.#client = client;
  }

  serve(request: IncomingMessage, response: ServerResponse, connection: Connection, expectsContinue: boolean): void {
    const turn = connection.begin(response);
    this.#begin({ request, response, turn, open: connection.open, expectsContinue }, connection);
  }

  upgrade({ request, socket, head, connection, readAgain }: UpgradeArrival, isOurs: boolean): void {
    if (connection.turns.areOpen || connection.turns.hasEnded) {
      // Answers that the client has not waited for cannot be told from the other protocol.
      socket.destroy();
      return;
    }
    if (isOurs || !mayUpgrade(request)) {
      socket.pause();
      if (head.length > 0) socket.unshift(head);
      socket.unshift(headWithoutUpgrade(request));
      readAgain();
      socket.resume();
      return;
    }
    const response = new ServerResponse(request);
    // node has taken its own listeners off.
    socket.on('error', () => socket.destroy());
    response.assignSocket(socket);
    const turn = connection.begin(response);
    const onTunnel = (): void => connection.becomeTunnel();
    const arrival = { request, response, turn, open: connection.open, expectsContinue: false };
    this.#begin({ ...arrival, upgrade: { head, onTunnel } }, connection);
  }

  /** Closes the connections to the applications. */
  close(): void {
    this.#apps.close();
  }

  #begin(arrival: Arrival, connection: Connection): void {
    const client = new Http1Client(arrival, this.#client);
    if (client.fault !== undefined) connection.endWithLatest();
    new FrontedRequest(client, this.#apps.of(client.head)).start();
  }
}
