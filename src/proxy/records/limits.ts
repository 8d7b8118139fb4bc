/** What bounds records of requests, here and in the files that were written elsewhere. */

/** Beside request and answer: names, versions, the fields' own heads. */
const AROUND_BYTES = 64 * 1024;

/** A record holds a request and may hold its answer; neither is larger than a message may be. */
export function maxRecordBytes(maxMessageBytes: number): number {
  return 2 * maxMessageBytes + AROUND_BYTES;
}
