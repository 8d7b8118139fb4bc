/** PRIORITY frames, which mean nothing any more. */
import { Buffer } from 'node:buffer';
import { frame, T } from '../../support/http2-frames.ts';
import { floodOf } from './http2-flood.ts';

export const priorityFlood = floodOf((i) => frame(T.PRIORITY, 0, 2 * i + 1, Buffer.from([0, 0, 0, 0, 16])));
