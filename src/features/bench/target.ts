/** A server that is measured over HTTP: connections that stay open, and requests over them. */
import type { Buffer } from 'node:buffer';
import { type ClientRequest, Agent as HttpAgent, request as overHttp } from 'node:http';
import { Agent as HttpsAgent, request as overHttps } from 'node:https';
import { refusedByTls } from '../../cli/connection-text.ts';
import type { TlsIdentity } from '../../cli/server-address.ts';
import type { Clock } from '../../core/clock.ts';
import { TIMEOUT } from './tally.ts';

/** One server that is measured. */
export interface Target {
  /** The URL as it was given. */
  readonly url: string;
  /** Calls `onEnd` once, when the whole answer is there or will not come. */
  send(onEnd: OnEnd): void;
  close(): void;
}

/** `error`: undefined = it was answered; `text`: the beginning of an answer that refuses. */
type OnEnd = (error: string | undefined, text?: string) => void;

/** An error's text is one line. */
const TEXT_BYTES = 500;

interface HttpTargetOptions {
  readonly url: string;
  /** Undefined = requests are GET. */
  readonly body: Buffer | undefined;
  readonly token: string | undefined;
  readonly ca: Buffer | undefined;
  readonly identity: TlsIdentity | undefined;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

export class HttpTarget implements Target {
  readonly url: string;
  readonly #options: HttpTargetOptions;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #headers: Readonly<Record<string, string | number>>;

  constructor(options: HttpTargetOptions) {
    const { url, body, token, timeoutMs, ca, identity } = options;
    this.url = url;
    this.#options = options;
    this.#agent = url.startsWith('https:')
      ? new HttpsAgent({ keepAlive: true, ...(ca !== undefined && { ca }), ...identity })
      : new HttpAgent({ keepAlive: true });
    this.#headers = {
      ...(body !== undefined && { 'content-type': 'application/json', 'content-length': body.length }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      'x-envoy-expected-rq-timeout-ms': Math.max(1, Math.ceil(timeoutMs)),
    };
  }

  /** Answered = a 2xx. */
  send(onEnd: OnEnd): void {
    const { url, body, timeoutMs, clock } = this.#options;
    let hasEnded = false;
    const end: OnEnd = (error, text): void => {
      if (hasEnded) return;
      hasEnded = true;
      timer.cancel();
      onEnd(error, text);
    };
    const request = url.startsWith('https:') ? overHttps : overHttp;
    const method = body === undefined ? 'GET' : 'POST';
    const options = { method, headers: this.#headers, agent: this.#agent };
    const sent: ClientRequest = request(url, options, (answer) => {
      const status = answer.statusCode ?? 0;
      const isAnswered = status >= 200 && status < 300;
      let text = '';
      answer.once('end', () => (isAnswered ? end(undefined) : end(String(status), text)));
      answer.once('error', (error) => end(codeOf(error)));
      if (isAnswered) answer.resume();
      else answer.on('data', (part: Buffer) => (text = `${text}${part.toString()}`.slice(0, TEXT_BYTES)));
    });
    // A server that sends a byte now and then is late as well, so the socket's own timeout does not do.
    const timer = clock.setTimer(clock.nowMs() + timeoutMs, () => {
      end(TIMEOUT);
      sent.destroy();
    });
    sent.once('error', (error) => end(codeOf(error)));
    sent.end(body);
  }

  close(): void {
    this.#agent.destroy();
  }
}

function codeOf(error: NodeJS.ErrnoException): string {
  return refusedByTls(error.message) ?? error.code ?? error.name;
}
