/**
 * Remembers what header blocks of one connection decoded to: a client that calls one method repeats the same block, and
 * then neither HPACK nor the checks run for a request (nor is anything allocated).
 *
 *   block bytes ──▶ one of a few entries with equal bytes? ──yes──▶ its RequestHeaders
 *                                                          ──no───▶ decode; kept if the block left the table as it was
 *
 * An index means something else once the dynamic table changes, so that any change empties the memo. Bounded: at most
 * MAX_ENTRIES blocks of MAX_BLOCK_BYTES, replaced in turn.
 */
import { Buffer } from 'node:buffer';
import type { RequestHeaders } from './request-headers.ts';

/** As many methods as a client calls in turn on one connection; each costs one comparison of lengths in vain. */
const MAX_ENTRIES = 8;
const MAX_BLOCK_BYTES = 512;

interface MemoEntry {
  readonly block: Buffer;
  readonly headers: RequestHeaders;
}

export class HeaderMemo {
  readonly #entries: MemoEntry[] = [];
  #tableVersion = 0;
  #next = 0;

  /** @param tableVersion of the decoder, now */
  find(tableVersion: number, bytes: Buffer, start: number, end: number): RequestHeaders | undefined {
    if (tableVersion !== this.#tableVersion) return undefined;
    const length = end - start;
    for (const { block, headers } of this.#entries) {
      if (block.length === length && isEqual(block, bytes, start)) return headers;
    }
    return undefined;
  }

  /** @param tableVersion of the decoder; the block must have decoded without changing it */
  add(tableVersion: number, bytes: Buffer, start: number, end: number, headers: RequestHeaders): void {
    if (end - start > MAX_BLOCK_BYTES) return;
    if (tableVersion !== this.#tableVersion) {
      this.#entries.length = 0;
      this.#next = 0;
      this.#tableVersion = tableVersion;
    }
    this.#entries[this.#next] = { block: Buffer.from(bytes.subarray(start, end)), headers };
    this.#next = (this.#next + 1) % MAX_ENTRIES;
  }
}

/** From the end, where requests of one method differ if they do. Faster for such lengths than a call into C++. */
function isEqual(block: Buffer, bytes: Buffer, start: number): boolean {
  for (let i = block.length - 1; i >= 0; i--) {
    if (block[i] !== bytes[start + i]) return false;
  }
  return true;
}
