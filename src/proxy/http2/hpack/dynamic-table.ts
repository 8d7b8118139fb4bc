/**
 * HPACK's dynamic table of one direction (RFC 7541, 2.3.2 and 4).
 *
 *      oldest                    newest
 *   ┌────┬────┬────┬────┬────┬────┬────┐      index 62 = newest, 63 = the one before …
 *   │    │ c  │ d  │ e  │ f  │ g  │    │      a ring: adding is O(1), looking up is O(1),
 *   └────┴────┴────┴────┴────┴────┴────┘      evicting costs O(1) for each entry that once was added
 *          ▲ #oldest         ▲ #oldest + #count − 1
 *
 * Its size (name + value + 32 for each entry) never exceeds the maximum that the peer set within ours, so that there
 * are at most maximum / 32 entries.
 */
import { compressionError } from '../error-code.ts';
import type { HeaderField } from './header-field.ts';
import { STATIC_TABLE } from './static-table.ts';

export class DynamicTable {
  readonly #limitBytes: number;
  readonly #ring: (HeaderField | undefined)[] = [];
  readonly #capacity: number;
  #oldest = 0;
  #count = 0;
  #bytes = 0;
  #maxBytes: number;
  /** Increases with every change that can give an index another meaning. */
  version = 0;

  /** @param limitBytes our SETTINGS_HEADER_TABLE_SIZE */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
    this.#maxBytes = limitBytes;
    this.#capacity = Math.max(1, Math.floor(limitBytes / 32));
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The field of an index; the static table comes first. Throws ConnectionError. */
  at(index: number): HeaderField {
    const fixed = STATIC_TABLE[index - 1];
    if (fixed !== undefined) return fixed;
    const age = index - STATIC_TABLE.length - 1;
    if (index === 0 || age >= this.#count) throw compressionError(`no header field has index ${index}`);
    return this.#ring[(this.#oldest + this.#count - 1 - age) % this.#capacity]!;
  }

  /** A field larger than the table empties it and is not added; that is no error. */
  add(field: HeaderField): void {
    this.version += 1;
    this.#evictTo(this.#maxBytes - field.size);
    if (field.size > this.#maxBytes) return;
    this.#ring[(this.#oldest + this.#count) % this.#capacity] = field;
    this.#count += 1;
    this.#bytes += field.size;
  }

  resize(maxBytes: number): void {
    if (maxBytes > this.#limitBytes) {
      throw compressionError(`dynamic table size ${maxBytes}; SETTINGS_HEADER_TABLE_SIZE is ${this.#limitBytes}`);
    }
    this.version += 1;
    this.#maxBytes = maxBytes;
    this.#evictTo(maxBytes);
  }

  #evictTo(bytes: number): void {
    while (this.#count > 0 && this.#bytes > bytes) {
      this.#bytes -= this.#ring[this.#oldest]!.size;
      this.#ring[this.#oldest] = undefined;
      this.#oldest = (this.#oldest + 1) % this.#capacity;
      this.#count -= 1;
    }
  }
}
