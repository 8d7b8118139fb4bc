/**
 * SETTINGS, ours and the client's (RFC 9113, 6.5).
 */
import { Buffer } from 'node:buffer';
import { ConnectionError, ErrorCode, protocolError } from './error-code.ts';
import { MAX_MAX_FRAME_BYTES, MAX_WINDOW_BYTES, MIN_MAX_FRAME_BYTES } from './frame-types.ts';
import type { Http2Options } from './options.ts';

const Setting = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
  ENABLE_CONNECT_PROTOCOL: 0x8,
} as const;

export const SETTING_BYTES = 6;

export function settingsPayload(options: Http2Options): Buffer {
  const pairs = [
    [Setting.MAX_CONCURRENT_STREAMS, options.maxConcurrentStreams],
    [Setting.INITIAL_WINDOW_SIZE, options.streamWindowBytes],
    [Setting.MAX_FRAME_SIZE, options.maxFrameBytes],
    [Setting.MAX_HEADER_LIST_SIZE, options.maxHeaderListBytes],
    ...(options.takesTunnels ? [[Setting.ENABLE_CONNECT_PROTOCOL, 1] as const] : []),
  ] as const;
  const payload = Buffer.alloc(pairs.length * SETTING_BYTES);
  pairs.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, i * SETTING_BYTES);
    payload.writeUInt32BE(value, i * SETTING_BYTES + 2);
  });
  return payload;
}

/** The values in one SETTINGS frame of the client; the last counts where one is repeated. */
export interface PeerSettings {
  /** The smallest table size in the frame. */
  minHeaderTableBytes?: number;
  headerTableBytes?: number;
  initialWindowBytes?: number;
  maxFrameBytes?: number;
}

/** Reads bytes[start, end), whose length is a multiple of six. Ignores unknown settings. Throws ConnectionError. */
export function readSettings(bytes: Buffer, start: number, end: number): PeerSettings {
  const settings: PeerSettings = {};
  for (let at = start; at < end; at += SETTING_BYTES) {
    readSetting(settings, bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
  }
  return settings;
}

function readSetting(settings: PeerSettings, id: number, value: number): void {
  switch (id) {
    case Setting.HEADER_TABLE_SIZE:
      settings.minHeaderTableBytes = Math.min(settings.minHeaderTableBytes ?? value, value);
      settings.headerTableBytes = value;
      break;
    case Setting.ENABLE_PUSH:
      if (value > 1) throw protocolError(`SETTINGS_ENABLE_PUSH is ${value}; it can be 0 or 1`);
      break;
    case Setting.INITIAL_WINDOW_SIZE:
      if (value > MAX_WINDOW_BYTES) {
        throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, `SETTINGS_INITIAL_WINDOW_SIZE is ${value}`);
      }
      settings.initialWindowBytes = value;
      break;
    case Setting.MAX_FRAME_SIZE:
      if (value < MIN_MAX_FRAME_BYTES || value > MAX_MAX_FRAME_BYTES) {
        throw protocolError(`SETTINGS_MAX_FRAME_SIZE is ${value}`);
      }
      settings.maxFrameBytes = value;
      break;
    default:
  }
}
