/** The shown page, from the part of the address after #, so that every page has a link and survives a reload. */
import { signal } from '@preact/signals';

export type Route =
  | { readonly page: 'overview' }
  | { readonly page: 'model'; readonly model: string }
  | { readonly page: 'requests'; readonly query: URLSearchParams }
  | { readonly page: 'request'; readonly id: string; readonly until: string | undefined }
  | { readonly page: 'compare'; readonly query: URLSearchParams }
  | { readonly page: 'playground'; readonly model: string | undefined }
  | { readonly page: 'rest-api' }
  | { readonly page: 'report'; readonly name: string };

export const route = signal<Route>(parseRoute(location.hash));

export function watchRoute(): void {
  addEventListener('hashchange', () => {
    route.value = parseRoute(location.hash);
    scrollTo(0, 0);
  });
  route.subscribe((shown) => {
    document.title = `${titleOf(shown)} – Pillion`;
  });
}

/** The name of its tab, the most telling part first. */
function titleOf(shown: Route): string {
  switch (shown.page) {
    case 'overview':
      return 'Overview';
    case 'model':
      return shown.model;
    case 'requests':
      return 'Requests';
    case 'request':
      return `Request ${shown.id}`;
    case 'compare':
      return 'Compare';
    case 'playground':
      return shown.model === undefined ? 'Playground' : `${shown.model}, playground`;
    case 'rest-api':
      return 'REST API';
    case 'report':
      return `${shown.name.charAt(0).toUpperCase()}${shown.name.slice(1)}`;
  }
}

function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#?\/?/, '').split('?', 2);
  const [page, name] = path.split('/').map(decode);
  if (page === 'models' && name) return { page: 'model', model: name };
  if (page === 'requests' && name) {
    return { page: 'request', id: name, until: new URLSearchParams(query).get('until') ?? undefined };
  }
  if (page === 'requests') return { page: 'requests', query: new URLSearchParams(query) };
  if (page === 'compare') return { page: 'compare', query: new URLSearchParams(query) };
  if (page === 'playground') return { page: 'playground', model: name || undefined };
  if (page === 'rest-api') return { page };
  if (page === 'reports' && name) return { page: 'report', name };
  return { page: 'overview' };
}

export const modelLink = (model: string): string => `#/models/${encodeURIComponent(model)}`;
export const reportLink = (name: string): string => `#/reports/${encodeURIComponent(name)}`;
/** `until`: it arrived before that time, which GET /requests/ID takes. Absent: it is of this run of the server. */
export const requestLink = (id: string, until?: string): string =>
  `#/requests/${encodeURIComponent(id)}${until === undefined ? '' : `?${new URLSearchParams({ until })}`}`;
export const playgroundLink = (model: string): string => `#/playground/${encodeURIComponent(model)}`;

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
