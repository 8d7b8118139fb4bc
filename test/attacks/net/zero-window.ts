/** Calls whose answers are never let out: the client's windows are zero. */
import { Buffer } from 'node:buffer';
import { data } from '../../support/http2-frames.ts';
import { callHeaders, floodOf } from './http2-flood.ts';

const INITIAL_WINDOW_SIZE = 4;
const EMPTY_MESSAGE = Buffer.alloc(5);

export const zeroWindow = floodOf(
  (i) => Buffer.concat([callHeaders(2 * i + 1), data(2 * i + 1, EMPTY_MESSAGE, true)]),
  { [INITIAL_WINDOW_SIZE]: 0 },
);
