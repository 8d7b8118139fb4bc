/**
 * GET /events: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). All listeners share
 * one tick a second, which is made only while somebody listens.
 *
 *   event: history   data: [LiveTick, …]   once, first: the ticks of the last minutes, with a gap where nobody listened
 *   event: tick      data: LiveTick        each second
 *
 * A listener that is `MAX_UNSENT_BYTES` behind is disconnected; its browser reconnects by itself.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock, TimerHandle } from '../../core/clock.ts';
import type { LiveTick } from './live-report.ts';

export interface LiveFeedOptions {
  readonly clock: Clock;
  /** Called with true before the first tick and with false when the last listener has left. */
  readonly watch: (isWatched: boolean) => void;
  /** Makes a tick of the last `spanMs`. */
  readonly tick: (spanMs: number) => LiveTick;
}

const INTERVAL_MS = 1000;
const MAX_LISTENERS = 16;
const MAX_UNSENT_BYTES = 4 * 2 ** 20;
/** Most ticks that a new listener gets: three minutes. */
const HISTORY = 180;

export class LiveFeed {
  readonly #options: LiveFeedOptions;
  readonly #listeners = new Set<ServerResponse>();
  readonly #history: LiveTick[] = [];
  #timer: TimerHandle | undefined;
  #lastAt = 0;

  constructor(options: LiveFeedOptions) {
    this.#options = options;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    if (this.#listeners.size >= MAX_LISTENERS) {
      response.writeHead(429, { 'content-type': 'text/plain', 'retry-after': '5' });
      response.end(`${MAX_LISTENERS} pages listen already; close one\n`);
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    if (this.#timer === undefined) this.#begin();
    response.write(`retry: 2000\n${event('history', this.#history)}`);
    this.#listeners.add(response);
    request.socket.setNoDelay(true);
    response.once('close', () => this.#leave(response));
  }

  /** Ends every stream. */
  close(): void {
    for (const listener of this.#listeners) listener.end();
  }

  #begin(): void {
    const since = this.#options.clock.wallMs() - HISTORY * INTERVAL_MS;
    while (this.#history.length > 0 && this.#history[0]!.at_ms < since) this.#history.shift();
    this.#options.watch(true);
    this.#lastAt = this.#options.clock.nowMs();
    this.#arm(this.#lastAt + INTERVAL_MS);
  }

  #leave(listener: ServerResponse): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#options.watch(false);
  }

  #arm(at: number): void {
    this.#timer = this.#options.clock.setTimer(at, () => {
      const now = this.#options.clock.nowMs();
      // The ticks that a stall has missed are skipped.
      this.#arm(Math.max(at + INTERVAL_MS, now + INTERVAL_MS / 2));
      this.#send(this.#options.tick(now - this.#lastAt));
      this.#lastAt = now;
    });
  }

  #send(tick: LiveTick): void {
    this.#history.push(tick);
    if (this.#history.length > HISTORY) this.#history.shift();
    const text = event('tick', tick);
    for (const listener of this.#listeners) {
      if (listener.writableLength > MAX_UNSENT_BYTES) listener.destroy();
      else listener.write(text);
    }
  }
}

function event(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
