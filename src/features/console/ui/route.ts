/** The shown page, from the part of the address after # (routes.ts), so that every page has a link and survives a reload. */
import { signal } from '@preact/signals';
import { parseRoute, type Route } from './routes.ts';

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

export const modelLink = (model: string): string => `#/models/${encodeURIComponent(model)}`;
export const reportLink = (name: string): string => `#/reports/${encodeURIComponent(name)}`;
/** `until`: it arrived before that time, which GET /requests/ID takes. Absent: it is of this run of the server. */
export const requestLink = (id: string, until?: string): string =>
  `#/requests/${encodeURIComponent(id)}${until === undefined ? '' : `?${new URLSearchParams({ until })}`}`;
export const playgroundLink = (model: string): string => `#/playground/${encodeURIComponent(model)}`;
