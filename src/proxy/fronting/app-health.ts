/**
 * Looks at the application's health again and again.
 *
 *   not well ── one good answer ──▶ well ── BAD_ANSWERS bad ones in a row ──▶ not well
 *
 * Good is 200 to 399, within the interval. Not well at the start.
 */
import { get } from 'node:http';
import type { Clock } from '../../core/clock.ts';
import { Poller } from '../../core/poller.ts';
import type { AppAddress } from './app-address.ts';
import { Http2App } from './http2-app.ts';

/** One bad answer may be a pause of the application's collector. */
const BAD_ANSWERS = 3;

export interface AppHealthOptions {
  readonly clock: Clock;
  readonly address: AppAddress;
  readonly path: string;
  /** From the end of a look to the next, and the most that one may take. */
  readonly intervalMs: number;
  /** Called when it changes. `why`: what the application answered, for people. */
  readonly onChange: (isWell: boolean, why: string) => void;
}

export class AppHealth {
  readonly #options: AppHealthOptions;
  readonly #poller: Poller;
  #isWell = false;
  #bad = 0;
  #isClosed = false;

  constructor(options: AppHealthOptions) {
    const { clock, intervalMs } = options;
    this.#options = options;
    this.#poller = new Poller({ clock, intervalMs, poll: () => this.#look() });
  }

  /** Begins to look. */
  start(): void {
    this.#poller.start();
  }

  /** Looks no more, and reports nothing more. */
  close(): void {
    this.#isClosed = true;
    this.#poller.close();
  }

  async #look(): Promise<boolean> {
    const { status, why } = await this.#ask();
    if (this.#isClosed) return false;
    const isGood = status >= 200 && status < 400;
    this.#bad = isGood ? 0 : this.#bad + 1;
    const isWell = isGood || (this.#isWell && this.#bad < BAD_ANSWERS);
    if (isWell !== this.#isWell) {
      this.#isWell = isWell;
      this.#options.onChange(isWell, why);
    }
    return false;
  }

  #askInHttp2(): Promise<{ readonly status: number; readonly why: string }> {
    const { clock, address, path, intervalMs } = this.#options;
    const app = new Http2App(address, clock, () => undefined);
    return new Promise((resolve) => {
      const settle = (status: number, why: string): void => {
        timer.cancel();
        app.close();
        resolve({ status, why });
      };
      const timer = clock.setTimer(clock.nowMs() + intervalMs, () => settle(0, `no answer within ${intervalMs} ms`));
      const known = { hasBody: false, upgrade: undefined, isTls: false };
      const nothing = (): void => undefined;
      app.send(
        { method: 'GET', path, headers: ['host', address.authority], ...known },
        {
          ...{ onConnecting: nothing, onConnected: nothing, onOpen: nothing, onInformation: nothing, onEnd: nothing },
          ...{ onBroken: nothing, onUnwanted: nothing, onTunnel: nothing },
          onHead: ({ status }) => settle(status, `status ${status}`),
          onFailure: ({ error }) => settle(0, error.message),
          onUnsendable: ({ message }) => settle(0, message),
        },
      );
    });
  }

  /** A connection of its own each time: a kept one would not say whether the application takes new ones. */
  #ask(): Promise<{ readonly status: number; readonly why: string }> {
    const { clock, address, path, intervalMs } = this.#options;
    if (address.isHttp2 === true) return this.#askInHttp2();
    const { socketPath, host, port, authority } = address;
    const to = socketPath === undefined ? { host: host!, port: port! } : { socketPath };
    return new Promise((resolve) => {
      const asked = get({ ...to, path, agent: false, headers: { host: authority, connection: 'close' } });
      const late = new Error(`no answer within ${intervalMs} ms`);
      const timer = clock.setTimer(clock.nowMs() + intervalMs, () => asked.destroy(late));
      const settle = (status: number, why: string): void => {
        timer.cancel();
        resolve({ status, why });
      };
      asked.on('error', ({ message }) => settle(0, message));
      asked.on('response', (answer) => {
        answer.on('error', () => undefined).resume();
        settle(answer.statusCode!, `status ${answer.statusCode}`);
        // Its body is not wanted, however long it is.
        answer.once('end', () => asked.destroy());
        clock.setTimer(clock.nowMs() + intervalMs, () => asked.destroy());
      });
    });
  }
}
