/** OpenTelemetry's names of attributes, as its package of them has them: which there are, and which are deprecated. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Only the declarations say what is deprecated. */
const DECLARED = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*declare const ATTR_\w+: (?:"([^"]+)"|\(key: string\) => string)/g;

/** Names that have only moved to another repository of OpenTelemetry's are as good as before. */
const DEPRECATED = /@deprecated (?!Moved to)/;

export class SemanticConventions {
  /** Key → whether it is deprecated. */
  readonly #keys = new Map<string, boolean>();
  readonly version: string;

  constructor() {
    const directory = dirname(createRequire(import.meta.url).resolve('@opentelemetry/semantic-conventions'));
    for (const file of ['stable_attributes.d.mts', 'experimental_attributes.d.mts']) {
      for (const [, comment, key] of readFileSync(join(directory, file), 'utf8').matchAll(DECLARED)) {
        if (key !== undefined) this.#keys.set(key, DEPRECATED.test(comment!));
      }
    }
    const { version } = JSON.parse(readFileSync(join(directory, '../package.json'), 'utf8')) as { version: string };
    this.version = version;
  }

  get size(): number {
    return this.#keys.size;
  }

  /** Why the key must not be written: it is deprecated, or missing in a namespace of theirs. Undefined: it may be. */
  faultOf(key: string): string | undefined {
    const isDeprecated = this.#keys.get(key);
    if (isDeprecated !== undefined) return isDeprecated ? `${key} is deprecated` : undefined;
    const namespace = key.slice(0, key.indexOf('.') + 1);
    const isTheirs = namespace !== '' && [...this.#keys.keys()].some((known) => known.startsWith(namespace));
    return isTheirs ? `${key} does not exist` : undefined;
  }
}
