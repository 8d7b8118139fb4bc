/**
 * The receiving half of flow control (RFC 9113, 5.2), for one stream and for the connection alike.
 *
 *   ├──────────── size ─────────────┤
 *   ├ available ┼ credit ┼ unread ──┤
 *     the peer    read by   handed out, not yet consumed by its handler
 *     may send    handlers, (or under way: still counted as available)
 *                 not yet told
 *
 * A frame moves its bytes from `available` to unread; consuming moves them on to `credit`; at half a window the credit
 * is announced with WINDOW_UPDATE and available again. Half: often enough that a peer which sends without pause never
 * waits, seldom enough that small requests cost no frame each.
 */

export interface ReceiveWindow {
  readonly windowBytes: number;
  available: number;
  credit: number;
}

/** A frame of so many bytes, padding included, has come. False if the peer may not have sent it. */
export function receiveBytes(window: ReceiveWindow, count: number): boolean {
  window.available -= count;
  return window.available >= 0;
}

/** The bytes were read. Returns the increment to announce now; 0 = not yet. */
export function consumeBytes(window: ReceiveWindow, count: number): number {
  window.credit += count;
  if (window.credit * 2 < window.windowBytes) return 0;
  const increment = window.credit;
  window.credit = 0;
  window.available += increment;
  return increment;
}
