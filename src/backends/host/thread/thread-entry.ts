/**
 * A worker thread of the thread host begins here. It awaits, so that one whose load waits for nothing ends with a code that
 * says so. In the bundle all that it imports is one script (scripts/lib/bundle/build-scripts.mjs).
 */
import { serveThread } from './serve-thread.ts';

await serveThread();
