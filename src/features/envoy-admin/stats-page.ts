/**
 * GET /stats: every metric by name, as Envoy's admin port has it.
 *
 *   pillion_in_flight_requests: 3                      one a line
 *   ?format=json         {"stats":[{"name":"pillion_in_flight_requests","value":3}]}
 *   ?format=prometheus   as /metrics, with the lines of the names alone that are left
 *   ?filter=REGEX        names, with their labels, in which the pattern is found
 *
 * A pattern may take exponential time: it is matched in a script of its own, which is ended after FILTER_MS.
 */
import { createContext, Script } from 'node:vm';
import type { Refusal } from '../../admin/access-guard.ts';

/** Wall time, and ample: a machine whose cores are taken must not refuse simple patterns. */
const FILTER_MS = 100;
const MAX_FILTER_LENGTH = 512;
const FORMATS = ['text', 'json', 'prometheus'] as const;
type Format = (typeof FORMATS)[number];

/** Sees texts alone: nothing of this process is within its reach. */
const MATCH = new Script(
  '(() => { const regex = new RegExp(pattern); return names.map((name) => regex.test(name)); })()',
);

interface Stat {
  /** The name with its labels. */
  readonly name: string;
  readonly value: string;
}

interface Page {
  readonly contentType: string;
  readonly text: string;
}

/** `metrics`: in Prometheus' text format. */
export function statsPage(metrics: string, query: URLSearchParams): Page | Refusal {
  const format = (query.get('format') ?? 'text') as Format;
  if (!FORMATS.includes(format)) return wrong(`format is ${FORMATS.join(', ')}`);
  const stats = metrics.split('\n').filter(isSample).map(readSample);
  const kept = matching(stats, query.get('filter'));
  return Array.isArray(kept) ? write(kept, format) : (kept as Refusal);
}

function matching(stats: readonly Stat[], pattern: string | null): readonly Stat[] | Refusal {
  if (pattern === null || pattern === '') return stats;
  if (pattern.length > MAX_FILTER_LENGTH) return wrong(`filter has at most ${MAX_FILTER_LENGTH} characters`);
  try {
    // Outside of the time limit: to read a pattern takes no exponential time, and a wrong one is called wrong however
    // late.
    new RegExp(pattern);
    const names = stats.map(({ name }) => name);
    const context = createContext({ pattern, names });
    const found = MATCH.runInContext(context, { timeout: FILTER_MS }) as readonly boolean[];
    return stats.filter((_, i) => found[i] === true);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const isSlow = code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
    return wrong(isSlow ? `filter took more than ${FILTER_MS} ms; send a simpler pattern` : `filter: ${message}`);
  }
}

function write(stats: readonly Stat[], format: Format): Page {
  switch (format) {
    case 'json': {
      const values = stats.map(({ name, value }) => ({ name, value: Number(value) }));
      return { contentType: 'application/json', text: `${JSON.stringify({ stats: values })}\n` };
    }
    case 'prometheus':
    case 'text': {
      const between = format === 'text' ? ': ' : ' ';
      return {
        contentType: 'text/plain',
        text: stats.map(({ name, value }) => `${name}${between}${value}\n`).join(''),
      };
    }
  }
}

function isSample(line: string): boolean {
  return line !== '' && !line.startsWith('#');
}

/** A line is `name{labels} value`; labels may have blanks, a value has none. */
function readSample(line: string): Stat {
  const at = line.lastIndexOf(' ');
  return { name: line.slice(0, at), value: line.slice(at + 1) };
}

function wrong(text: string): Refusal {
  return { status: 400, text };
}
