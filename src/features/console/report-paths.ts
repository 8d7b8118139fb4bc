/**
 * The reports that features make, for the page and for tools.
 *
 *   GET /reports               the pages of the whole server: name, title, and the first sentence of each, a warning if any
 *   GET /reports/NAME          one of them, in the parts of its sources
 *   GET /reports?model=NAME    the sections of a model
 */
import { type AdminPath, sendJson } from '../../admin/admin-path.ts';
import type { Report, ReportSource, Sentence } from '../../ledger/report.ts';

/** A page in the list of all. */
export interface ReportPage {
  readonly name: string;
  readonly title: string;
  readonly first?: Sentence | undefined;
}

/** A page with its parts, or one section of a model. */
export interface ReportParts {
  readonly name: string;
  readonly title: string;
  readonly parts: readonly Report[];
}

export function reportPaths(sources: readonly ReportSource[]): readonly AdminPath[] {
  const isJson = true;
  return [
    {
      ...{ method: 'GET', path: '/reports', says: 'reports of features; /reports/NAME is one', isJson },
      answer: ({ response, query }) => {
        const model = query.get('model');
        sendJson(response, { reports: model === null ? pagesOf(sources) : sectionsOf(sources, model) });
      },
    },
    {
      ...{ method: 'GET', path: '/reports/NAME', matches: /^\/reports\/([a-z-]+)$/, isJson },
      answer: ({ response, match }) => {
        const page = pageOf(sources, match[1]!);
        return page === undefined ? false : sendJson(response, page);
      },
    },
  ];
}

function pagesOf(sources: readonly ReportSource[]): readonly ReportPage[] {
  const names = new Set(sources.flatMap(({ name, read }) => (read === undefined ? [] : [name])));
  return [...names].map((name) => {
    const { title, parts } = pageOf(sources, name)!;
    const { sentences } = parts[0]!;
    return { name, title, first: sentences.find(({ tone }) => tone === 'warn') ?? sentences[0] };
  });
}

function pageOf(sources: readonly ReportSource[], wanted: string): ReportParts | undefined {
  const own = sources.filter(({ name, read }) => name === wanted && read !== undefined);
  const [first] = own;
  return first && { name: wanted, title: first.title, parts: own.map((source) => source.read!()) };
}

function sectionsOf(sources: readonly ReportSource[], model: string): readonly ReportParts[] {
  return sources.flatMap((source) => {
    const report = source.ofModel?.(model);
    return report === undefined ? [] : [{ name: source.name, title: source.title, parts: [report] }];
  });
}
