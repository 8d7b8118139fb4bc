/**
 * The receiving half of flow control (RFC 9113, 5.2), for a stream and for the connection alike.
 *
 *   ├──────── windowBytes ────────┤
 *   ├ available ┼ credit ┼ unread ┤
 *     the peer    read by   given to a handler that has not consumed it yet
 *     may send    handlers, (bytes under way still count as available)
 *                 not announced
 *
 * A frame moves its bytes from `available` to unread; consuming them moves them to `credit`. At half a window the
 * credit is announced with WINDOW_UPDATE and becomes available again. That is often enough that a peer which sends
 * without pause never waits, and seldom enough that small requests cost no frame each.
 */

export interface ReceiveWindow {
  readonly windowBytes: number;
  available: number;
  credit: number;
}

/** Counts a frame of `count` bytes, padding included. Returns false if the peer was not allowed to send it. */
export function receiveBytes(window: ReceiveWindow, count: number): boolean {
  window.available -= count;
  return window.available >= 0;
}

/** Counts bytes as consumed. Returns the increment to announce now; 0 = not yet. */
export function consumeBytes(window: ReceiveWindow, count: number): number {
  window.credit += count;
  if (window.credit * 2 < window.windowBytes) return 0;
  const increment = window.credit;
  window.credit = 0;
  window.available += increment;
  return increment;
}
