/**
 * Copies of requests that somebody has seen: in a list, or opened. A link to one leads somewhere after the flight
 * recorder itself has forgotten it. Lists do not push out what was opened.
 */
import type { RequestSnapshot } from '../../ledger/recorder/request-snapshot.ts';

/** A page of the console lists 50 requests every two seconds: half a minute of them, and a list that is held still. */
const MOST_LISTED = 1024;
const MOST_OPENED = 128;

export class ShownRequests {
  readonly #listed = new Map<string, RequestSnapshot>();
  readonly #opened = new Map<string, RequestSnapshot>();

  /** Newest first. */
  list(requests: readonly RequestSnapshot[]): void {
    // Newest last: of two with one id it is the one that counts.
    for (const request of requests.slice(0, MOST_LISTED).reverse()) remember(this.#listed, request, MOST_LISTED);
  }

  open(request: RequestSnapshot): void {
    remember(this.#opened, request, MOST_OPENED);
  }

  find(id: string): RequestSnapshot | undefined {
    return this.#opened.get(id) ?? this.#listed.get(id);
  }
}

/** The one that was not shown for the longest time makes room. */
function remember(shown: Map<string, RequestSnapshot>, request: RequestSnapshot, most: number): void {
  shown.delete(request.id);
  shown.set(request.id, request);
  if (shown.size > most) shown.delete(shown.keys().next().value!);
}
