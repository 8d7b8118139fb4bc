/**
 * Assembles header blocks that come in several frames (RFC 9113, 6.10): HEADERS, then CONTINUATION frames with nothing
 * in between. Frames and bytes are bounded, so that an endless block (CVE-2024-27316) ends the connection.
 */
import { Buffer } from 'node:buffer';
import { enhanceYourCalm, protocolError } from '../error-code.ts';

export class HeaderIntake {
  readonly #maxBytes: number;
  readonly #maxContinuations: number;
  readonly #parts: Buffer[] = [];
  #bytes = 0;
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

  get isOpen(): boolean {
    return this.#parts.length > 0;
  }

  begin(streamId: number, flags: number, isSelfDependent: boolean, fragment: Buffer, now: number): void {
    this.streamId = streamId;
    this.flags = flags;
    this.isSelfDependent = isSelfDependent;
    this.startedAt = now;
    this.#add(fragment);
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
    return block;
  }

  /** Copies the fragment, whose bytes are valid for this call only. */
  #add(fragment: Buffer): void {
    this.#bytes += fragment.length;
    if (this.#bytes > this.#maxBytes) throw enhanceYourCalm('header block too large');
    this.#parts.push(Buffer.from(fragment));
  }
}
