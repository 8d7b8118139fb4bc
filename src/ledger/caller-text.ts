/** Longest caller-given text (request id, peer, error text) on a span or in a log line. */
export const MAX_TEXT_CHARS = 512;

/** Cuts a text after MAX_TEXT_CHARS characters. */
export function clip(text: string): string {
  return text.length <= MAX_TEXT_CHARS ? text : `${text.slice(0, MAX_TEXT_CHARS - 1)}…`;
}
