/**
 * The console: a page for people, and the requests of that page.
 *
 *   GET  /                                  the page; its files beside it (console-files.ts)
 *   GET  /about                             version, addresses and settings
 *   GET  /events                            live numbers, one tick a second (live-feed.ts)
 *   POST /playground/predict|classify|regress|request    one request (playground.ts)
 *
 * Any link may lead to the page and its files; they hold nothing of this server's.
 */
import { type AdminPath, type Asked, sendJson, targetOf } from '../../admin/admin-path.ts';
import { readVersion } from '../../admin/model-actions.ts';
import { invalidRequest } from '../../core/errors.ts';
import type { AdminParts } from '../../kernel/installation.ts';
import { ConsoleFiles, PAGE_FILE } from './console-files.ts';
import type { LiveFeed } from './live-feed.ts';
import { checkRouted, type Playground } from './playground.ts';

export interface ConsoleOptions {
  readonly feed: LiveFeed;
  readonly playground: Playground;
  readonly restMethod: AdminParts['restMethod'];
  /** Stands before the REST paths of inference; may be empty. */
  readonly prefix: string;
  /** The JSON of GET /about. */
  readonly about: () => object;
}

export function consolePaths({ feed, playground, restMethod, prefix, about }: ConsoleOptions): readonly AdminPath[] {
  const files = new ConsoleFiles();
  const file = async ({ path, request, response }: Asked): Promise<false | undefined> =>
    (await files.answer(path, request, response)) ? undefined : false;
  return [
    { method: 'GET', path: '/', says: 'the console, for a browser', guard: 'link', answer: file },
    { method: 'GET', path: '/FILE', matches: PAGE_FILE, guard: 'link', answer: file },
    {
      ...{ method: 'GET', path: '/about', says: 'version, addresses and settings', isJson: true },
      answer: ({ response }) => sendJson(response, about()),
    },
    {
      ...{ method: 'GET', path: '/events', says: 'live numbers, one tick a second', isJson: true },
      answer: ({ request, response }) => feed.answer(request, response),
      close: () => feed.close(),
    },
    {
      ...{ method: 'POST', path: '/playground/predict', matches: /^\/playground\/(predict|classify|regress)$/ },
      ...{ isJson: true, says: 'one request, also /classify, /regress: ?model=NAME' },
      audited: ({ match, query }) => ({ method: `playground ${match[1]}`, ...targetOf(query) }),
      answer: ({ request, response, match, query }) => {
        const routed = restMethod('POST', modelPath(prefix, match[1]!, query));
        return routed === undefined ? false : playground.answer(request, response, routed);
      },
    },
    {
      ...{ method: 'POST', path: '/playground/request', isJson: true },
      says: 'any request of the REST API that changes nothing: ?method=GET&path=/v2',
      audited: ({ query }) => ({ method: `playground ${query.get('method')} ${query.get('path')}` }),
      answer: ({ request, response, query }) => {
        const method = query.get('method') === 'GET' ? 'GET' : 'POST';
        return playground.answer(request, response, checkRouted(restMethod(method, query.get('path') ?? '')));
      },
    },
  ];
}

function modelPath(prefix: string, verb: string, query: URLSearchParams): string {
  const model = query.get('model') ?? '';
  if (model === '') throw invalidRequest('say which model is asked: ?model=NAME');
  const version = readVersion(query.get('version'));
  return `${prefix}/v1/models/${encodeURIComponent(model)}${version === undefined ? '' : `/versions/${version}`}:${verb}`;
}
