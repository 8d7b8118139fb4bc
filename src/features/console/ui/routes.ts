/** The pages, and the part of the address after # that leads to each. Pure. */

export type Route =
  | { readonly page: 'overview' }
  | { readonly page: 'model'; readonly model: string }
  | { readonly page: 'requests'; readonly query: URLSearchParams }
  | { readonly page: 'request'; readonly id: string; readonly until: string | undefined }
  | { readonly page: 'compare'; readonly query: URLSearchParams }
  | { readonly page: 'playground'; readonly model: string | undefined }
  | { readonly page: 'rest-api' }
  | { readonly page: 'report'; readonly name: string };

export type PageName = Route['page'];

interface Address {
  /** The text behind the second slash, decoded; undefined if there is none. */
  readonly name: string | undefined;
  readonly query: URLSearchParams;
}

/** A page below its first word. Undefined = the address is none of this page's. */
type Page<P extends PageName> = readonly [
  word: string,
  read: (address: Address) => Extract<Route, { page: P }> | undefined,
];

/** All pages. Of two with one word the first that reads the address is shown; the overview is for any other address. */
export const PAGES: { readonly [P in PageName]: Page<P> } = {
  model: ['models', ({ name }) => (name === undefined ? undefined : { page: 'model', model: name })],
  request: [
    'requests',
    ({ name, query }) =>
      name === undefined ? undefined : { page: 'request', id: name, until: query.get('until') ?? undefined },
  ],
  requests: ['requests', ({ query }) => ({ page: 'requests', query })],
  compare: ['compare', ({ query }) => ({ page: 'compare', query })],
  playground: ['playground', ({ name }) => ({ page: 'playground', model: name })],
  'rest-api': ['rest-api', () => ({ page: 'rest-api' })],
  report: ['reports', ({ name }) => (name === undefined ? undefined : { page: 'report', name })],
  overview: ['', () => ({ page: 'overview' })],
};

export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#?\/?/, '').split('?', 2);
  const [word, name] = path.split('/').map(decode);
  const address = { name: name || undefined, query: new URLSearchParams(query) };
  for (const [first, read] of Object.values(PAGES)) {
    const found = first === word ? read(address) : undefined;
    if (found !== undefined) return found;
  }
  return { page: 'overview' };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
