/** Pure. The fields of a 103 as node's writeEarlyHints takes them. */
import type { RawHeaders } from './hop-headers.ts';
import { endToEnd, fieldsOf } from './hop-headers.ts';

/** One link of a list: commas of its target and of quoted parameters do not end it. */
const LINK = /(?:<[^>]*>|"(?:[^"\\]|\\.)*"|[^,<"])+/g;

/** node wants each link alone, though a field may have several, as node itself writes them. */
export function hintsOf(raw: RawHeaders): Record<string, string[]> {
  const hints: Record<string, string[]> = {};
  for (const [lower, , value] of fieldsOf(endToEnd(raw))) {
    const values = lower === 'link' ? (value.match(LINK) ?? []).map((link) => link.trim()) : [value];
    hints[lower] = [...(hints[lower] ?? []), ...values.filter((each) => each !== '')];
  }
  return hints;
}
