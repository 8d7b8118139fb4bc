/** SETTINGS frames as large as they may be, each of 2,700 values. */
import { Buffer } from 'node:buffer';
import { frame, T } from '../../support/http2-frames.ts';
import { floodOf } from './http2-flood.ts';

/** SETTINGS_MAX_HEADER_LIST_SIZE 256. */
const ENTRY = Buffer.from([0, 6, 0, 0, 1, 0]);
const FRAME = frame(T.SETTINGS, 0, 0, Buffer.alloc(2700 * ENTRY.length, ENTRY));

export const settingsEntries = floodOf(() => FRAME);
