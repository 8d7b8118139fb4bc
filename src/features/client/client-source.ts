/**
 * The parts of which clients are written, and how names become code. A server chooses the names of its tensors, and its
 * owner took them from a model's file: so a name is written as a string literal in ASCII, or as an identifier of letters and
 * digits that only resembles it; never in a comment.
 */
import type { ServedTensor } from '../../cli/served-inputs.ts';
import { formatShape } from '../../core/shape.ts';

export interface ClientSource {
  /** The path of its requests, percent-encoded. */
  readonly path: string;
  readonly signature: string;
  readonly inputs: ReadonlyMap<string, ServedTensor>;
  readonly outputs: ReadonlyMap<string, ServedTensor>;
}

const FIRST_ASTRAL = 0x10000;
const SURROGATE = /^[\ud800-\udfff]$/;

/** A string literal with double quotes, in ASCII, for JavaScript, Python or Go. */
export function literal(text: string, language: 'ts' | 'python' | 'go'): string {
  const escaped = JSON.stringify(text).replaceAll(/[^ -~]/gu, (character) => {
    const code = character.codePointAt(0)!;
    if (language === 'go' && SURROGATE.test(character)) return '\\ufffd';
    if (code < FIRST_ASTRAL) return `\\u${hex(code, 4)}`;
    return language === 'ts' ? `\\u{${hex(code, 1)}}` : `\\U${hex(code, 8)}`;
  });
  // A lone surrogate is an escape of JSON, which Go has not.
  return language === 'go' ? escaped.replaceAll(/(?<!\\)((?:\\\\)*)\\ud[89a-f][\da-f]{2}/g, '$1\\ufffd') : escaped;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

/** Identifiers in Go's CamelCase, one for each name, all different. */
export function exportedNames(names: Iterable<string>): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const taken = new Set<string>();
  for (const name of names) {
    const words = name.match(/[A-Za-z\d]+/g) ?? [];
    const camel = words
      .map((word) => word[0]!.toUpperCase() + word.slice(1))
      .join('')
      .slice(0, 60);
    const base = /^[A-Z]/.test(camel) ? camel : `T${camel}`;
    let own = base;
    for (let i = 2; taken.has(own); i++) own = `${base}${i}`;
    taken.add(own);
    found.set(name, own);
  }
  return found;
}

/** "float32 [?,4]": all of it is ours. */
export function describeTensor({ dtype, shape }: ServedTensor): string {
  return `${dtype} ${formatShape(shape)}`;
}

/** A string output of such a name is {"b64": …} in JSON. */
export function isBase64(name: string, { dtype }: ServedTensor): boolean {
  return dtype === 'string' && name.endsWith('_bytes');
}

/** An element's type as one of four. */
export function elementKind({ dtype }: ServedTensor): 'string' | 'bool' | 'float' | 'integer' {
  if (dtype === 'string' || dtype === 'bool') return dtype;
  return dtype.includes('float') ? 'float' : 'integer';
}
