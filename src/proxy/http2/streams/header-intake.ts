/** Header blocks of a connection: those in several frames are assembled, the latest ones are remembered. */
import { Buffer } from 'node:buffer';
import { enhanceYourCalm, protocolError } from '../error-code.ts';
import type { RequestHeaders } from './request-headers.ts';

/**
 * Assembles header blocks that come in several frames (RFC 9113, 6.10): HEADERS, then CONTINUATION frames with nothing
 * in between. Frames and bytes are bounded, so that an endless block (CVE-2024-27316) ends the connection.
 */
export class HeaderIntake {
  readonly #maxBytes: number;
  readonly #maxContinuations: number;
  readonly #parts: Buffer[] = [];
  #bytes = 0;
  /** A block has begun and not ended. */
  isOpen = false;
  // These belong to the HEADERS frame:
  streamId = 0;
  flags = 0;
  isSelfDependent = false;
  /** When the block began, to the server's last tick. */
  startedAt = 0;

  /** @param maxListBytes limit of the decoded list; a block may be twice as long, to be answered with 431 */
  constructor(maxListBytes: number, maxContinuations: number) {
    this.#maxBytes = 2 * maxListBytes;
    this.#maxContinuations = maxContinuations;
  }

  begin(streamId: number, flags: number, isSelfDependent: boolean, fragment: Buffer, now: number): void {
    this.streamId = streamId;
    this.flags = flags;
    this.isSelfDependent = isSelfDependent;
    this.startedAt = now;
    this.#add(fragment);
    this.isOpen = true;
  }

  continue(streamId: number, fragment: Buffer): void {
    if (!this.isOpen || streamId !== this.streamId) throw protocolError('CONTINUATION without its HEADERS');
    if (this.#parts.length > this.#maxContinuations) throw enhanceYourCalm('too many CONTINUATION frames');
    this.#add(fragment);
  }

  /** Returns the whole block, and is empty again. */
  finish(): Buffer {
    const block = Buffer.concat(this.#parts, this.#bytes);
    this.#parts.length = 0;
    this.#bytes = 0;
    this.isOpen = false;
    return block;
  }

  /** Copies the fragment, whose bytes are valid for this call only. */
  #add(fragment: Buffer): void {
    this.#bytes += fragment.length;
    if (this.#bytes > this.#maxBytes) throw enhanceYourCalm('header block too large');
    this.#parts.push(Buffer.from(fragment));
  }
}

/** A client calls few methods in turn on one connection. */
const MAX_ENTRIES = 8;
const MAX_BLOCK_BYTES = 512;

interface MemoEntry {
  readonly block: Buffer;
  readonly headers: RequestHeaders;
}

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
