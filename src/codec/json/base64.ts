/**
 * Base64 as TensorFlow Serving reads it in `{"b64": …}`: the standard alphabet, padding optional, white space ignored.
 * Node's own decoder skips whatever it does not know, so a damaged image would reach the model: the text is checked
 * first.
 */
import { Buffer } from 'node:buffer';

const STANDARD = /^[A-Za-z0-9+/]*$/;
const PADDED = /^([A-Za-z0-9+/]*)(={0,2})$/;
const WHITE_SPACE = /[ \t\n\v\f\r]+/g;

/** Undefined if the text is no base64. */
export function decodeBase64(bytes: Uint8Array): Buffer | undefined {
  const given = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const text = STANDARD.test(given) ? given : given.replace(WHITE_SPACE, '');
  const match = PADDED.exec(text);
  if (match === null) return undefined;
  const characters = match[1]!.length;
  const padding = match[2]!.length;
  // Six bits left over make no byte; padding, where it stands, fills the last four.
  if (characters % 4 === 1 || (padding > 0 && (characters + padding) % 4 !== 0)) return undefined;
  return Buffer.from(match[1]!, 'base64');
}
