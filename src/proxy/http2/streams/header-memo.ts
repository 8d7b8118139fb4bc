/**
 * Remembers the headers of one connection's latest header blocks. A client that calls one method repeats its block:
 * then it is neither decoded nor checked, and nothing is allocated (docs/adr/0024).
 *
 *   block bytes ──▶ one of a few entries with equal bytes? ──yes──▶ its RequestHeaders
 *                                                          ──no───▶ decode; kept if the block left the table as it was
 *
 * An index means something else once the dynamic table changes, so any change of the table empties the memo. It holds at
 * most MAX_ENTRIES blocks of MAX_BLOCK_BYTES; the oldest is replaced first.
 */
import { Buffer } from 'node:buffer';
import type { RequestHeaders } from './request-headers.ts';

/** A client calls few methods in turn on one connection. */
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

  /** @param tableVersion the decoder's, now */
  find(tableVersion: number, bytes: Buffer, start: number, end: number): RequestHeaders | undefined {
    if (tableVersion !== this.#tableVersion) return undefined;
    const length = end - start;
    for (const { block, headers } of this.#entries) {
      if (block.length === length && isEqual(block, bytes, start)) return headers;
    }
    return undefined;
  }

  /** @param tableVersion the decoder's; decoding the block must not have changed it */
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

/** Compares from the end, where blocks of one method differ. For such lengths a loop is faster than a call into C++. */
function isEqual(block: Buffer, bytes: Buffer, start: number): boolean {
  for (let i = block.length - 1; i >= 0; i--) {
    if (block[i] !== bytes[start + i]) return false;
  }
  return true;
}
