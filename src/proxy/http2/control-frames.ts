/**
 * Handles the frames that carry no part of a request: SETTINGS, PING, WINDOW_UPDATE, RST_STREAM, PRIORITY, GOAWAY. Each
 * takes a token from the client's budget (connection-core.ts).
 */
import type { Buffer } from 'node:buffer';
import type { ConnectionCore } from './connection-core.ts';
import { ConnectionError, ErrorCode, enhanceYourCalm, frameSizeError, protocolError } from './error-code.ts';
import { Flag, FrameType } from './frame-types.ts';
import { type PeerSettings, readSettings, SETTING_BYTES } from './settings.ts';
import { Closed } from './streams/stream-registry.ts';

export interface ControlEvents {
  onSettingsAck(): void;
  onPingAck(): void;
  drainFinally(): void;
}

/** A peer's HPACK table size before any SETTINGS. */
const DEFAULT_TABLE_BYTES = 4096;

export class ControlFrames {
  readonly #core: ConnectionCore;
  readonly #events: ControlEvents;
  #tableBytes = DEFAULT_TABLE_BYTES;

  constructor(core: ConnectionCore, events: ControlEvents) {
    this.#core = core;
    this.#events = events;
  }

  onFrame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case FrameType.WINDOW_UPDATE:
        this.#onWindowUpdate(id, bytes, start, end);
        break;
      case FrameType.PING:
        this.#onPing(flags, id, bytes, start, end);
        break;
      case FrameType.RST_STREAM:
        this.#onResetStream(id, bytes, start, end);
        break;
      case FrameType.SETTINGS:
        this.#onSettings(flags, id, bytes, start, end);
        break;
      case FrameType.PRIORITY:
        this.#onPriority(id, bytes, start, end);
        break;
      case FrameType.GOAWAY:
        this.#onGoAway(id, start, end);
        break;
      case FrameType.PUSH_PROMISE:
        throw protocolError('PUSH_PROMISE from a client');
      default:
        // RFC 9113, 5.5: ignored.
        this.#core.spendControl('frames of unknown type');
    }
  }

  #onSettings(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw protocolError('SETTINGS on a stream');
    if ((flags & Flag.ACK) !== 0) {
      if (end !== start) throw frameSizeError('SETTINGS acknowledgement with a payload');
      this.#core.spendControl('SETTINGS acknowledgements');
      this.#events.onSettingsAck();
      return;
    }
    if ((end - start) % SETTING_BYTES !== 0) throw frameSizeError('SETTINGS payload is no multiple of 6 bytes');
    this.#core.spendSettings();
    const count = (end - start) / SETTING_BYTES;
    if (count > this.#core.options.maxSettings) throw enhanceYourCalm(`${count} values in one SETTINGS frame`);
    this.#apply(readSettings(bytes, start, end));
    this.#core.writer.settingsAck();
    this.#core.sends.pump();
  }

  /** Applies a frame once, not once for each value in it: a frame can name a value thousands of times. */
  #apply(settings: PeerSettings): void {
    const { sends, streams, writer } = this.#core;
    if (settings.maxFrameBytes !== undefined) sends.setMaxFrameBytes(settings.maxFrameBytes);
    if (settings.minHeaderTableBytes !== undefined && settings.minHeaderTableBytes < this.#tableBytes) {
      writer.owesTableSize();
    }
    this.#tableBytes = settings.headerTableBytes ?? this.#tableBytes;
    if (settings.initialWindowBytes === undefined) return;
    const change = settings.initialWindowBytes - sends.initialWindow;
    sends.initialWindow = settings.initialWindowBytes;
    for (const stream of streams.toArray()) {
      if (!sends.openStream(stream, change)) {
        throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'SETTINGS_INITIAL_WINDOW_SIZE overflows a window');
      }
    }
  }

  #onPing(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw protocolError('PING on a stream');
    if (end - start !== 8) throw frameSizeError('PING payload is not 8 bytes');
    this.#core.spendControl('PING frames');
    if ((flags & Flag.ACK) !== 0) this.#events.onPingAck();
    else this.#core.writer.pingAck(bytes, start);
  }

  #onWindowUpdate(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw frameSizeError('WINDOW_UPDATE payload is not 4 bytes');
    const { sends, streams } = this.#core;
    const increment = bytes.readUInt32BE(start) & 0x7f_ff_ff_ff;
    if (id !== 0 && streams.isIdle(id)) throw protocolError(`WINDOW_UPDATE on idle stream ${id}`);
    this.#core.spendControl('WINDOW_UPDATE frames');
    if (id === 0) {
      if (increment === 0) throw protocolError('WINDOW_UPDATE of 0');
      if (!sends.openConnection(increment)) {
        throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'WINDOW_UPDATE overflows the window');
      }
      return;
    }
    const stream = streams.get(id);
    // The stream is closed: the frame may have been under way.
    if (stream === undefined) return;
    if (increment === 0) this.#core.streamError(id, ErrorCode.PROTOCOL_ERROR);
    else if (!sends.openStream(stream, increment)) this.#core.streamError(id, ErrorCode.FLOW_CONTROL_ERROR);
    else sends.pump();
  }

  #onResetStream(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw frameSizeError('RST_STREAM payload is not 4 bytes');
    const { streams } = this.#core;
    if (id === 0 || streams.isIdle(id)) throw protocolError(`RST_STREAM on idle stream ${id}`);
    const stream = streams.get(id);
    if (stream === undefined) {
      this.#core.spendControl('RST_STREAM frames');
      return;
    }
    this.#core.close(stream, Closed.BY_CLIENT, bytes.readUInt32BE(start));
    this.#core.spendReset();
  }

  /** Checked, then ignored (RFC 9113, 5.3.2). */
  #onPriority(id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw protocolError('PRIORITY on stream 0');
    this.#core.spendControl('PRIORITY frames');
    const isOpen = this.#core.streams.get(id) !== undefined;
    if (end - start !== 5) {
      if (!isOpen) throw frameSizeError('PRIORITY payload is not 5 bytes');
      this.#core.streamError(id, ErrorCode.FRAME_SIZE_ERROR);
    } else if ((bytes.readUInt32BE(start) & 0x7f_ff_ff_ff) === id) {
      if (!isOpen) throw protocolError(`stream ${id} depends on itself`);
      this.#core.streamError(id, ErrorCode.PROTOCOL_ERROR);
    }
  }

  #onGoAway(id: number, start: number, end: number): void {
    if (id !== 0) throw protocolError('GOAWAY on a stream');
    if (end - start < 8) throw frameSizeError('GOAWAY payload is less than 8 bytes');
    this.#core.spendControl('GOAWAY frames');
    this.#events.drainFinally();
  }
}
