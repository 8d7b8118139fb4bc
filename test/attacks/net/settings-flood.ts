/** SETTINGS frames without end; each moves the windows of all open streams. */
import { settings } from '../../support/http2-frames.ts';
import { floodOf } from './http2-flood.ts';

export const settingsFlood = floodOf((i) => settings({ 4: 65_535 - (i % 2) }));
