/** PING frames, all of which ask for an answer. */
import { ping } from '../../support/http2-frames.ts';
import { floodOf } from './http2-flood.ts';

export const pingFlood = floodOf(() => ping());
