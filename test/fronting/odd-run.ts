/** The odd requests through a proxy, one behind the other, and what its application saw of each. */
import { Buffer } from 'node:buffer';
import { exchange, type Outcome } from './exchange.ts';
import type { OddRequest } from './odd/odd-request.ts';
import type { RecordingApp, Seen } from './recording-app.ts';

export interface Ran extends Seen {
  readonly name: string;
  readonly outcome: Outcome;
}

const FENCE = Buffer.from('GET /fence HTTP/1.1\r\nhost: a\r\n\r\n');

export async function runAll(address: string, app: RecordingApp, requests: readonly OddRequest[]): Promise<Ran[]> {
  const ran: Ran[] = [];
  for (const request of requests) {
    const outcome = await exchange(address, request);
    // What was still under way to the application has arrived before the answer to this one.
    await exchange(address, { name: 'fence', bytes: FENCE, answers: 1, isHead: false });
    const { requests: all, ...seen } = app.take();
    const isOwn = ({ target }: { target: string }): boolean => target !== '/fence' && target !== '/probe';
    ran.push({ name: request.name, outcome, ...seen, requests: all.filter(isOwn) });
  }
  return ran;
}

/** Of the proxy's own, or of its connection. */
const ADDED =
  /^(?:via|x-forwarded-.*|x-envoy-.*|x-request-id|connection|keep-alive|te|content-length|transfer-encoding)$/;

/** What two proxies have to agree upon, as text: the classes of the answers, and the requests. */
export function sameness({ outcome, requests }: Ran): string {
  const classes = outcome.answers.map((status) => (status === 101 ? '101' : `${Math.floor(status / 100)}xx`));
  const seen = requests.map(({ method, target, fields, body, trailers }) => {
    const kept = fields.filter(([name]) => !ADDED.test(name)).map(([name, value]) => `${name}=${value}`);
    const ends = trailers.map(([name, value]) => `${name}=${value}`);
    return JSON.stringify([method, target, ...kept.sort(), body, ...ends]).slice(0, 400);
  });
  return [classes.join(' ') || outcome.probe, ...seen].join(' ');
}
