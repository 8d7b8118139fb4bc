/**
 * The application over HTTP/2 without TLS, from the first byte ("prior knowledge"): node:http2's client.
 *
 *   send ──▶ a session with room? ──yes──▶ a stream of it
 *                 │ no
 *                 └──▶ waits ──▶ a session more, one at a time, until nobody waits
 *
 * How many streams a session has room for is the application's to say, so a session takes none before its SETTINGS have
 * come. After its GOAWAY a session takes no more, and those it has are finished. None is ever closed for being idle.
 */
import type { Clock } from '../../../core/clock.ts';
import type { AppEvents, AppRequest, AppTransport, ConnectionUser, SentRequest } from '../client-and-app.ts';
import type { AppAddress } from './app-address.ts';
import { type AppConnections, noDescriptors } from './app-connections.ts';
import { AppSession } from './app-session.ts';
import { Http2Sent } from './http2-sent.ts';

export class Http2App implements AppTransport {
  readonly #address: AppAddress;
  readonly #clock: Clock;
  readonly #connections: AppConnections;
  readonly #sessions = new Set<AppSession>();
  /** The waiting requests in the order in which they came. */
  readonly #waiting = new Set<Http2Sent>();
  #connecting: AppSession | undefined;

  constructor(address: AppAddress, clock: Clock, connections: AppConnections) {
    this.#connections = connections;
    this.#address = address;
    this.#clock = clock;
  }

  send(request: AppRequest, events: AppEvents): SentRequest {
    const sent = new Http2Sent(request, events, this.#address.authority, () => this.#waiting.delete(sent));
    const session = this.#withRoom();
    if (session !== undefined) sent.open(session);
    else if (this.#mayConnect(request.user)) {
      this.#waiting.add(sent);
      events.onConnecting();
      this.#connect();
    } else sent.fail(noDescriptors());
    return sent;
  }

  close(): void {
    this.#connecting?.destroy();
    for (const session of this.#sessions) session.destroy();
  }

  #withRoom(): AppSession | undefined {
    for (const session of this.#sessions) if (session.hasRoom) return session;
    return undefined;
  }

  #mayConnect(user: ConnectionUser): boolean {
    return this.#connecting !== undefined || this.#connections.mayOpen(user);
  }

  #connect(): void {
    if (this.#connecting !== undefined) return;
    const session = new AppSession(this.#address, this.#clock, {
      onSocket: this.#connections.add,
      onReady: () => {
        this.#connecting = undefined;
        this.#sessions.add(session);
        this.#place();
      },
      onRoom: () => this.#place(),
      onClosed: (error) => {
        this.#sessions.delete(session);
        if (this.#connecting === session) this.#onNoSession(error);
        else this.#place();
      },
    });
    this.#connecting = session;
  }

  #place(): void {
    for (const sent of this.#waiting) {
      const session = this.#withRoom();
      if (session === undefined) {
        if (this.#mayConnect(sent.user)) this.#connect();
        return;
      }
      this.#waiting.delete(sent);
      sent.open(session);
    }
  }

  /** Requests that wait may still get room in another session, within the time that a connection may take. */
  #onNoSession(error: NodeJS.ErrnoException): void {
    this.#connecting = undefined;
    if (this.#sessions.size > 0) return;
    const failed = [...this.#waiting];
    this.#waiting.clear();
    for (const sent of failed) sent.fail(error);
  }
}
