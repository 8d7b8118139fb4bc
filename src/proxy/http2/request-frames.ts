/**
 * Handles the frames that carry requests: HEADERS, CONTINUATION, DATA. It decodes and checks them, finds or makes their
 * stream, and calls its sink.
 *
 *   HEADERS ─▶ (CONTINUATION …) ─▶ HPACK, always ─▶ id above the last? ─▶ new request ─▶ refused | malformed | onStream
 *                                                       │ no
 *                                                       └▶ open: trailers ─▶ onEnd      closed: ignored or an error
 *   DATA ─▶ windows ─▶ open? content-length? ─▶ onData (─▶ onEnd)
 */
import type { Buffer } from 'node:buffer';
import type { ConnectionCore } from './connection-core.ts';
import { ConnectionError, ErrorCode, frameSizeError, protocolError } from './error-code.ts';
import { DEFAULT_WINDOW_BYTES, Flag } from './frame-types.ts';
import type { HeaderField } from './hpack/header-field.ts';
import { HpackDecoder } from './hpack/hpack-decoder.ts';
import { encodeHeaders } from './hpack/hpack-encoder.ts';
import { HeaderIntake, HeaderMemo } from './streams/header-intake.ts';
import { areTrailersValid, type RequestHeaders, readRequestHeaders } from './streams/request-headers.ts';
import { receiveBytes, ServerStream } from './streams/stream.ts';
import { Closed } from './streams/stream-registry.ts';

const PRIORITY_BYTES = 5;
/** RFC 6585, 5. */
const HEADERS_TOO_LARGE = encodeHeaders([
  [':status', '431'],
  ['content-length', '0'],
]);

export class RequestFrames {
  readonly #core: ConnectionCore;
  readonly #decoder: HpackDecoder;
  readonly #memo = new HeaderMemo();
  readonly intake: HeaderIntake;
  /** Streams above it are refused: a GOAWAY has named it. */
  lastAcceptedId = Infinity;
  /** The beginning of the last header list that was over the limit. */
  #begun: readonly HeaderField[] = [];
  /** The client has acknowledged our SETTINGS: from then on it knows their limits. */
  areSettingsKnown = false;

  constructor(core: ConnectionCore) {
    this.#core = core;
    this.#decoder = new HpackDecoder(core.options.maxHeaderListBytes);
    this.intake = new HeaderIntake(core.options.maxHeaderListBytes, core.options.maxContinuations);
  }

  onHeaders(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0 || id % 2 === 0) throw protocolError(`HEADERS on stream ${id}`);
    let from = start;
    let to = end;
    if ((flags & Flag.PADDED) !== 0) {
      to -= paddingLength(bytes, start, end);
      from += 1;
    }
    let isSelfDependent = false;
    if ((flags & Flag.PRIORITY) !== 0) {
      if (to - from < PRIORITY_BYTES) throw frameSizeError('HEADERS too short for its priority');
      isSelfDependent = (bytes.readUInt32BE(from) & 0x7f_ff_ff_ff) === id;
      from += PRIORITY_BYTES;
    }
    if ((flags & Flag.END_HEADERS) !== 0) {
      this.#onBlock(id, flags, isSelfDependent, bytes, from, to);
    } else {
      this.intake.begin(id, flags, isSelfDependent, bytes.subarray(from, to), this.#core.environment.time.now);
    }
  }

  onContinuation(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    this.intake.continue(id, bytes.subarray(start, end));
    if ((flags & Flag.END_HEADERS) === 0) return;
    const block = this.intake.finish();
    this.#onBlock(id, this.intake.flags, this.intake.isSelfDependent, block, 0, block.length);
  }

  onData(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw protocolError('DATA on stream 0');
    const core = this.#core;
    const frameBytes = end - start;
    if (!receiveBytes(core.window, frameBytes)) {
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "DATA past the connection's window");
    }
    let from = start;
    let to = end;
    if ((flags & Flag.PADDED) !== 0) {
      to -= paddingLength(bytes, start, end);
      from += 1;
    }
    const stream = core.streams.get(id);
    if (stream === undefined || stream.isRequestWhole) {
      core.discard(frameBytes);
      this.#onDataOfClosed(id, stream);
    } else if (!receiveBytes(stream, frameBytes)) {
      core.discard(frameBytes);
      core.streamError(id, ErrorCode.FLOW_CONTROL_ERROR);
    } else {
      if (frameBytes > to - from) core.consume(stream, frameBytes - (to - from));
      this.#onBody(stream, (flags & Flag.END_STREAM) !== 0, bytes, from, to);
    }
  }

  #onBody(stream: ServerStream, isEnd: boolean, bytes: Buffer, start: number, end: number): void {
    const core = this.#core;
    const length = end - start;
    const mayKeep = core.received(stream, length);
    if (length === 0 && !isEnd) core.spendControl('empty DATA frames');
    const { contentLength, receivedBytes } = stream;
    if (contentLength !== -1 && (isEnd ? receivedBytes !== contentLength : receivedBytes > contentLength)) {
      core.streamError(stream.id, ErrorCode.PROTOCOL_ERROR);
      return;
    }
    if (isEnd) stream.isRequestWhole = true;
    if (!mayKeep) {
      core.resetByUs(stream, ErrorCode.ENHANCE_YOUR_CALM);
      return;
    }
    try {
      if (isEnd && receivedBytes === length && stream.sink.onWhole?.(bytes, start, end) === true) return;
      if (length > 0) stream.sink.onData(bytes.subarray(start, end));
    } catch (error) {
      core.failed(stream, error);
    }
    if (isEnd && !stream.isClosed) core.deliverEnd(stream, undefined);
  }

  #onDataOfClosed(id: number, stream: ServerStream | undefined): void {
    const { streams } = this.#core;
    if (stream === undefined) {
      if (streams.isIdle(id)) throw protocolError(`DATA on idle stream ${id}`);
      if (streams.howClosed(id) === Closed.BY_US) return;
    }
    this.#core.streamError(id, ErrorCode.STREAM_CLOSED);
  }

  #onBlock(id: number, flags: number, isSelfDependent: boolean, bytes: Buffer, start: number, end: number): void {
    const isEnd = (flags & Flag.END_STREAM) !== 0;
    if (id <= this.#core.streams.lastId) {
      this.#onLaterBlock(id, isEnd, bytes, start, end);
      return;
    }
    this.#core.streams.lastId = id;
    const headers = this.#readRequest(bytes, start, end);
    if (isSelfDependent) this.#core.streamError(id, ErrorCode.PROTOCOL_ERROR);
    else if (!this.#isRefused(id)) this.#beginRequest(id, isEnd, headers);
  }

  /** Undefined if the request is malformed. */
  #readRequest(bytes: Buffer, start: number, end: number): RequestHeaders | 'oversized' | undefined {
    const decoder = this.#decoder;
    const tableVersion = decoder.table.version;
    const known = this.#memo.find(tableVersion, bytes, start, end);
    if (known !== undefined) return known;
    const { fields, isOversized } = decoder.decode(bytes, start, end);
    if (isOversized) {
      this.#begun = fields;
      return 'oversized';
    }
    const headers = readRequestHeaders(fields, this.#core.options.takesTunnels);
    if (headers !== undefined && decoder.table.version === tableVersion) {
      this.#memo.add(tableVersion, bytes, start, end, headers);
    }
    return headers;
  }

  #isRefused(id: number): boolean {
    const { options, streams, sends, writer } = this.#core;
    const isTooMany = streams.size >= options.maxConcurrentStreams;
    if (!isTooMany && id <= this.lastAcceptedId && sends.waitingBytes <= options.maxWaitingBytes) return false;
    writer.resetStream(id, ErrorCode.REFUSED_STREAM);
    streams.close(id, Closed.BY_US);
    if (isTooMany && this.areSettingsKnown) this.#core.spendReset();
    else this.#core.spendControl('streams refused');
    return true;
  }

  #beginRequest(id: number, isEnd: boolean, headers: RequestHeaders | 'oversized' | undefined): void {
    const core = this.#core;
    if (headers === undefined || (headers !== 'oversized' && isEnd && headers.contentLength > 0)) {
      core.streamError(id, ErrorCode.PROTOCOL_ERROR);
      return;
    }
    const stream = new ServerStream(core, id, headers === 'oversized' ? -1 : headers.contentLength);
    // A client that does not have our SETTINGS yet may send as much as the protocol's default window.
    if (!this.areSettingsKnown) stream.available = Math.max(stream.available, DEFAULT_WINDOW_BYTES);
    stream.isRequestWhole = isEnd;
    core.streams.add(stream);
    const { handler } = core.environment;
    try {
      if (headers !== 'oversized') handler.onStream(stream, headers);
      else if (handler.onHeadersTooLarge === undefined) stream.respond(HEADERS_TOO_LARGE, true);
      else handler.onHeadersTooLarge(stream, this.#begun);
    } catch (error) {
      core.failed(stream, error);
    }
    if (isEnd && !stream.isClosed) core.deliverEnd(stream, undefined);
  }

  /** A second header block of a stream: trailers, or a mistake. */
  #onLaterBlock(id: number, isEnd: boolean, bytes: Buffer, start: number, end: number): void {
    const core = this.#core;
    // Every block is decoded, as each may change the table that the next one refers to.
    const { fields, isOversized } = this.#decoder.decode(bytes, start, end);
    const stream = core.streams.get(id);
    if (stream === undefined) {
      this.#onBlockOfClosed(id, isEnd, fields);
    } else if (stream.isRequestWhole) {
      core.streamError(id, ErrorCode.STREAM_CLOSED);
    } else if (!isEnd || isOversized || !areTrailersValid(fields) || isBodyShort(stream)) {
      core.streamError(id, ErrorCode.PROTOCOL_ERROR);
    } else {
      stream.isRequestWhole = true;
      core.deliverEnd(stream, fields);
    }
  }

  #onBlockOfClosed(id: number, isEnd: boolean, fields: readonly HeaderField[]): void {
    const how = this.#core.streams.howClosed(id);
    // Trailers of a request that we closed, perhaps long ago, may have been under way.
    if (how === Closed.BY_US || (how === Closed.UNKNOWN && isEnd && areTrailersValid(fields))) return;
    const code = how === Closed.UNKNOWN ? ErrorCode.PROTOCOL_ERROR : ErrorCode.STREAM_CLOSED;
    throw new ConnectionError(code, `HEADERS on stream ${id}, which is closed`);
  }
}

function isBodyShort(stream: ServerStream): boolean {
  return stream.contentLength !== -1 && stream.receivedBytes !== stream.contentLength;
}

/** Bytes of padding at the frame's end; its first byte says how many. */
function paddingLength(bytes: Buffer, start: number, end: number): number {
  if (start === end) throw frameSizeError('padded frame without a pad length');
  const length = bytes[start]!;
  if (length > end - start - 1) throw protocolError('padding is longer than its frame');
  return length;
}
