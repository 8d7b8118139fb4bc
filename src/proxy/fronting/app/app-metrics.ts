/**
 * The metrics page with the application's behind ours (--app_metrics_url): who scrapes a pod names one port.
 *
 *   page ──▶ the application is asked, in the format that the client accepts ──▶ ours, then its: merged-page.ts
 *               ├ a redirect within its host, to /metrics/ say: followed once
 *               └ no answer in time, too long, or not in such a format ──▶ ours alone
 *
 * Clients that ask meanwhile wait for the same answer of the application.
 */
import type { Buffer } from 'node:buffer';
import { get, type IncomingMessage } from 'node:http';
import { StringDecoder } from 'node:string_decoder';
import type { Clock } from '../../../core/clock.ts';
import { clip } from '../../../ledger/caller-text.ts';
import type { MetricsPage, MetricsPageMaker } from '../../http1/local-replies.ts';
import { type AppAddress, httpPlaceOf } from './app-address.ts';
import { type Family, FamilyReader } from './family-reader.ts';
import { mergePages } from './merged-page.ts';

/** Prometheus waits 10 s for all of it; meshes and probes less. */
const TIMEOUT_MS = 1000;
const MAX_BYTES = 16 * 2 ** 20;

const TEXT = 'text/plain;version=0.0.4';
const OPEN_TYPE = 'application/openmetrics-text';
const OPEN = `${OPEN_TYPE};version=1.0.0`;

export interface AppMetricsOptions {
  readonly clock: Clock;
  readonly address: AppAddress;
  readonly path: string;
  /** Our own page, as `accept` of the client has it. */
  readonly own: MetricsPageMaker;
  /** Called when it changes. `why`: for people; empty if the page came. */
  readonly onChange: (isUp: boolean, why: string) => void;
  /** Called when other metrics are dropped than before, for having the names of ours. */
  readonly onDropped: (names: readonly string[]) => void;
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
}

interface TheirPage {
  readonly families: ReadonlyMap<string, Family>;
  readonly isOpen: boolean;
}

export class AppMetrics {
  readonly #options: AppMetricsOptions;
  readonly #asking = new Map<boolean, Promise<TheirPage | undefined>>();
  /** Undefined until it was asked. */
  #isUp: boolean | undefined;
  #dropped: readonly string[] = [];

  constructor(options: AppMetricsOptions) {
    this.#options = options;
  }

  /** The result of the last look. */
  get isUp(): boolean {
    return this.#isUp === true;
  }

  /** Metrics that were dropped from the last page. */
  get dropped(): number {
    return this.#dropped.length;
  }

  /** Rejects if our own page cannot be made. */
  async page(accept: string | undefined): Promise<MetricsPage> {
    const wantsOpen = accept?.includes(OPEN_TYPE) === true;
    const theirs = await this.#theirs(wantsOpen);
    // An application that has no OpenMetrics answers in text: then both pages are text.
    const isOpen = theirs?.isOpen ?? wantsOpen;
    const ours = await this.#options.own(isOpen ? accept : undefined);
    // The page of another application, which is in ours then, may be text alone.
    const isMixed = isOpen && !ours.contentType.includes(OPEN_TYPE);
    const merged = isMixed ? await this.#theirs(false) : theirs;
    if (merged === undefined) return ours;
    const { text, dropped } = mergePages(ours.text, merged.families, merged.isOpen);
    if (dropped.join() !== this.#dropped.join()) this.#options.onDropped(dropped);
    this.#dropped = dropped;
    return { contentType: ours.contentType, text };
  }

  #theirs(wantsOpen: boolean): Promise<TheirPage | undefined> {
    const under = this.#asking.get(wantsOpen);
    if (under !== undefined) return under;
    const asking = this.#ask(wantsOpen).then(
      (page) => this.#settle(wantsOpen, page, ''),
      (error: unknown) => this.#settle(wantsOpen, undefined, (error as Error).message),
    );
    this.#asking.set(wantsOpen, asking);
    return asking;
  }

  #settle(wantsOpen: boolean, page: TheirPage | undefined, why: string): TheirPage | undefined {
    this.#asking.delete(wantsOpen);
    const isUp = page !== undefined;
    const hasChanged = this.#isUp === undefined ? !isUp : isUp !== this.#isUp;
    this.#isUp = isUp;
    if (hasChanged) this.#options.onChange(isUp, why);
    return page;
  }

  /** Rejects with the reason. `from`: the path that has led here by a redirect. */
  #ask(wantsOpen: boolean, path = this.#options.path, from?: string): Promise<TheirPage> {
    const { clock, address, timeoutMs = TIMEOUT_MS } = this.#options;
    const { authority } = address;
    const to = httpPlaceOf(address);
    const accept = wantsOpen ? `${OPEN},${TEXT};q=0.5` : TEXT;
    const headers = { host: authority, accept, 'accept-encoding': 'identity', connection: 'close' };
    return new Promise((resolve, reject) => {
      const asked = get({ ...to, path, agent: false, headers });
      const timer = clock.setTimer(clock.nowMs() + timeoutMs, () =>
        asked.destroy(new Error(`no whole page within ${timeoutMs} ms`)),
      );
      asked.once('close', () => timer.cancel());
      asked.on('error', reject);
      asked.on('response', (answer) => {
        const next = from === undefined ? redirectOf(answer, authority, path) : undefined;
        if (next !== undefined) {
          asked.destroy();
          resolve(this.#ask(wantsOpen, next, path));
          return;
        }
        this.#read(answer, wantsOpen).then(resolve, (error: unknown) => {
          reject(error as Error);
          asked.destroy();
        });
      });
    });
  }

  async #read(answer: IncomingMessage, wantsOpen: boolean): Promise<TheirPage> {
    const { maxBytes = MAX_BYTES } = this.#options;
    const isOpen = formatOf(answer);
    if (isOpen && !wantsOpen) throw new Error('it answers in OpenMetrics, but was asked for text');
    const reader = new FamilyReader(isOpen);
    const decoder = new StringDecoder('utf8');
    let bytes = 0;
    // Read as it comes, so that a long page holds nobody up.
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new Error(`its page is longer than ${maxBytes} bytes`);
      reader.write(decoder.write(chunk));
    }
    reader.write(decoder.end());
    return { families: reader.end(), isOpen };
  }
}

const REDIRECTS: ReadonlySet<number | undefined> = new Set([301, 302, 303, 307, 308]);

/** The path to which an answer redirects; undefined if it does not, or leads to another host. */
function redirectOf({ statusCode, headers }: IncomingMessage, authority: string, path: string): string | undefined {
  const { location } = headers;
  if (!REDIRECTS.has(statusCode) || location === undefined) return undefined;
  const base = `http://${authority}${path}`;
  if (!URL.canParse(location, base)) return undefined;
  const { protocol, host, pathname, search } = new URL(location, base);
  return protocol === 'http:' && host === new URL(base).host ? pathname + search : undefined;
}

/** True = OpenMetrics, false = text. Throws if it is neither. */
function formatOf({ statusCode, headers }: IncomingMessage): boolean {
  const { 'content-type': type = '', 'content-encoding': coding = 'identity' } = headers;
  if (REDIRECTS.has(statusCode)) {
    throw new Error(
      `status ${statusCode} to ${clip(headers.location ?? 'nowhere')}: one redirect within its host is followed`,
    );
  }
  if (statusCode !== 200) throw new Error(`status ${statusCode}`);
  if (coding !== 'identity') throw new Error(`its page is in ${coding}, but was asked for as it is`);
  const media = type.split(';', 1)[0]!.trim().toLowerCase();
  if (media === OPEN_TYPE) return true;
  if (media === 'text/plain' || media === '') return false;
  throw new Error(`its page is ${media}; wanted is text/plain or application/openmetrics-text`);
}
