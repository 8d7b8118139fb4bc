/**
 * The console: a page for people, and the requests of that page.
 *
 *   GET  /                                  the page; its files beside it (console-files.ts)
 *   GET  /about                             version, addresses and settings
 *   GET  /events                            live numbers, one tick a second (live-feed.ts)
 *   GET  /models/NAME                       one model in detail (model-detail.ts)
 *   GET  /models/NAME/samples[?version=N]   inputs to try, which the version's pillion.yaml has
 *   POST /models/NAME/reload|unload|load    an operator's action on a version (model-actions.ts)
 *   POST /playground/predict|classify|regress    one request (playground.ts)
 *
 * The admin server has checked the Host; here pages of another origin are refused (access-guard.ts), except for the
 * page itself and its files, to which any link may lead.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ServingError, toServingError } from '../core/errors.ts';
import type { ModelManager } from '../models/lifecycle/model-manager.ts';
import type { Logger } from '../telemetry/log/log.ts';
import { refuseForeignChange, refuseForeignPage } from './access-guard.ts';
import { ConsoleFiles } from './console-files.ts';
import type { LiveFeed } from './live-feed.ts';
import { isModelAction, operate, readVersion } from './model-actions.ts';
import { modelDetail, samplesDetail } from './model-detail.ts';
import { isPlaygroundVerb, type Playground } from './playground.ts';

export interface ConsoleOptions {
  readonly models: ModelManager;
  readonly feed: LiveFeed;
  readonly playground: Playground;
  readonly logger: Logger;
  /** The JSON of GET /about. */
  readonly about: () => object;
  readonly files?: ConsoleFiles;
}

/** NAME is percent-encoded. */
const MODEL_PATH = /^\/models\/([^/]+)(?:\/([a-z]+))?$/;

const SAMPLES = 'samples';

const PLAYGROUND = '/playground/';

export class Console {
  readonly #options: ConsoleOptions;
  readonly #files: ConsoleFiles;

  constructor(options: ConsoleOptions) {
    this.#options = options;
    this.#files = options.files ?? new ConsoleFiles();
  }

  /** False: the path is not the console's, and no answer was sent. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const [pathname = '/', query] = (request.url ?? '/').split('?', 2);
    const searchParams = new URLSearchParams(query);
    try {
      if (request.method === 'POST') return await this.#change(request, response, pathname, searchParams);
      if (request.method !== 'GET' && request.method !== 'HEAD') return false;
      return await this.#show(request, response, pathname, searchParams);
    } catch (thrown) {
      const error = toServingError(thrown);
      if (error.kind === 'internal') throw thrown;
      sendJson(response, error.row.http, { error: error.message });
      return true;
    }
  }

  /** Ends the streams, so that the server can close. */
  close(): void {
    this.#options.feed.close();
  }

  async #show(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: URLSearchParams,
  ): Promise<boolean> {
    const { feed, about } = this.#options;
    const match = MODEL_PATH.exec(path);
    const isModel = match !== null && (match[2] === undefined || match[2] === SAMPLES);
    if (path !== '/events' && path !== '/about' && !isModel) return this.#files.answer(path, request, response);
    const refusal = refuseForeignPage(request.headers);
    if (refusal !== undefined) sendJson(response, refusal.status, { error: refusal.text });
    else if (path === '/events') feed.answer(request, response);
    else if (path === '/about') sendJson(response, 200, about());
    else sendJson(response, 200, this.#modelDetail(decode(match![1]!), match![2] === SAMPLES, query));
    return true;
  }

  #modelDetail(name: string, wantsSamples: boolean, query: URLSearchParams): object {
    const { models } = this.#options;
    const version = wantsSamples ? readVersion(query.get('version')) : undefined;
    const detail = wantsSamples ? samplesDetail(name, version, models) : modelDetail(name, models);
    if (detail !== undefined) return detail;
    const what = version === undefined ? '' : `, version ${version},`;
    throw new ServingError('model_not_found', `no model ${JSON.stringify(name)}${what} is served`);
  }

  async #change(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: URLSearchParams,
  ): Promise<boolean> {
    const [, name, action] = MODEL_PATH.exec(path) ?? [];
    const isAction = name !== undefined && action !== undefined && isModelAction(action);
    const verb = path.startsWith(PLAYGROUND) ? path.slice(PLAYGROUND.length) : '';
    if (!isAction && !isPlaygroundVerb(verb)) return false;
    const refusal = refuseForeignChange(request.headers);
    if (refusal !== undefined) sendJson(response, refusal.status, { error: refusal.text });
    else if (isPlaygroundVerb(verb)) await this.#options.playground.answer(request, response, verb, query);
    else if (isAction) {
      const { models, logger } = this.#options;
      const asked = { model: decode(name), action, version: query.get('version') };
      sendJson(response, 202, await operate(models, logger, asked));
    }
    return true;
  }
}

function decode(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    throw new ServingError('invalid_request', 'the path has a % that begins no escape of UTF-8; write % itself as %25');
  }
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  // Integers of samples are bigints.
  response.end(`${JSON.stringify(body, (_, value) => (typeof value === 'bigint' ? Number(value) : value))}\n`);
}
