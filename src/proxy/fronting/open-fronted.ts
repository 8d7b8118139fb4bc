/**
 * The open requests to the application: a drain waits for them, counts them, and ends them when its time is over. A
 * WebSocket cannot be told of a drain, so its tunnel goes on until then.
 */
import type { Duplex } from 'node:stream';
import { DenseSet, type DenseSetMember } from '../../core/collections/dense-set.ts';
import { ServingError } from '../../core/errors.ts';

/** A request until both its bodies are through. */
export interface Abandonable extends DenseSetMember {
  /** The caller's name, as proxy/caller.ts writes it. */
  readonly caller: string;
  /** The application that it is for. */
  readonly app: object;
  /** Ends it now: with this answer, or cut off if its own has begun. */
  abandon(error: ServingError): void;
}

export class OpenFronted {
  readonly #requests = new DenseSet<Abandonable>();
  readonly #tunnels = new Set<Duplex>();

  get requests(): number {
    return this.#requests.size;
  }

  get tunnels(): number {
    return this.#tunnels.size;
  }

  /** Its caller has no more open to its application than its share of `places` would be if another caller came. */
  hasFewOpen(request: Abandonable, places: number): boolean {
    const open = new Map<string, number>();
    for (const { app, caller } of this.#requests.toArray()) {
      if (app === request.app) open.set(caller, (open.get(caller) ?? 0) + 1);
    }
    return (open.get(request.caller) ?? 0) <= places / (open.size + 1);
  }

  add(request: Abandonable): void {
    this.#requests.add(request);
  }

  /** A request that is over, or has become a tunnel. */
  remove(request: Abandonable): void {
    this.#requests.remove(request);
  }

  /** `client`: its end of the tunnel, until it closes. */
  addTunnel(client: Duplex): void {
    this.#tunnels.add(client);
    client.once('close', () => this.#tunnels.delete(client));
  }

  /** Answers or cuts off all of it. */
  abandon(): void {
    const error = new ServingError('draining', TEXT, { retryAfterMs: 1000 });
    for (const request of this.#requests.toArray()) request.abandon(error);
    for (const client of this.#tunnels) client.destroy();
  }
}

const TEXT =
  'the sidecar in front of the application is shutting down, and the application has not answered in the time for that; send the request to another replica';
