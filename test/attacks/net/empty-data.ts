/** DATA frames without data, on one open request. */
import { Buffer } from 'node:buffer';
import { data } from '../../support/http2-frames.ts';
import { callHeaders, floodOf } from './http2-flood.ts';

const NOTHING = data(1, '');

export const emptyData = floodOf((i) => (i === 0 ? Buffer.concat([callHeaders(1), NOTHING]) : NOTHING));
