/**
 * The good neighbour: asks its model 100 times a second over REST, on connections that stay open, whether or not earlier
 * requests were answered, and counts how each of them ended.
 */
import { Agent, request } from 'node:http';
import type { NeighbourResult } from './fault.ts';

const EVERY_MS = 10;
const TIMEOUT_MS = 20_000;
const BODY = '{"instances":[1.0,2.0]}';
const ANSWER = '{"predictions":[2.5,3]}';

export class Neighbour {
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 64 });
  readonly #url: string;
  readonly #open = new Set<Promise<void>>();
  readonly #failures: Record<string, number> = {};
  readonly #timer: NodeJS.Timeout;
  #due: number;
  #offered = 0;
  #answered = 0;
  #refused = 0;
  #longestMs = 0;
  /** From now on a refused connection is no failure. */
  isServerEnding = false;

  constructor(rest: string, model: string) {
    this.#url = `${rest}/v1/models/${model}:predict`;
    this.#due = performance.now();
    this.#timer = setInterval(() => this.#offer(), EVERY_MS);
  }

  /** Offers no more; resolves when every request has ended. */
  async stop(): Promise<NeighbourResult> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    this.#agent.destroy();
    const failures = this.#failures;
    const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
    const [offered, answered, refused] = [this.#offered, this.#answered, this.#refused];
    return { offered, answered, refused, failed, failures, longestMs: Math.round(this.#longestMs) };
  }

  #offer(): void {
    for (; this.#due <= performance.now(); this.#due += EVERY_MS) {
      this.#offered += 1;
      const startedAt = performance.now();
      const ending = this.#ask()
        .then((heard) => this.#count(heard, performance.now() - startedAt))
        .finally(() => this.#open.delete(ending));
      this.#open.add(ending);
    }
  }

  #count(heard: string, tookMs: number): void {
    if (heard === 'answered') {
      this.#answered += 1;
      this.#longestMs = Math.max(this.#longestMs, tookMs);
    } else if (heard === '429' || heard === '503' || (this.isServerEnding && heard === 'ECONNREFUSED'))
      this.#refused += 1;
    else this.#failures[heard] = (this.#failures[heard] ?? 0) + 1;
  }

  /** Resolves with 'answered', a status, or an error's code. */
  #ask(): Promise<string> {
    return new Promise((resolve) => {
      const options = { method: 'POST', agent: this.#agent, headers: { 'content-length': BODY.length } };
      const call = request(this.#url, { ...options, timeout: TIMEOUT_MS }, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk) => {
          text += chunk;
        });
        answer.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
        answer.on('end', () => {
          if (answer.statusCode !== 200) resolve(String(answer.statusCode));
          else resolve(JSON.stringify(JSON.parse(text)) === ANSWER ? 'answered' : `wrong answer ${text}`);
        });
      });
      call.on('timeout', () => call.destroy(Object.assign(new Error('late'), { code: 'TIMEOUT' })));
      call.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      call.end(BODY);
    });
  }
}
