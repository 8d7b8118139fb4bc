/**
 * Files of configuration: read whole, with what is wrong said once and the same way everywhere: "path:line:column: …".
 */
import type { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { Message } from '@bufbuild/protobuf';
import { protoMessage } from '../codec/protobuf/proto-messages.ts';
import { TextProtoError } from './text-proto/text-proto-error.ts';
import { parseTextProto } from './text-proto/text-proto-parser.ts';

/** No configuration is as large; what is was named by mistake and would only fill memory. */
const MAX_BYTES = 16 * 2 ** 20;

/** What a file or a message of configuration says wrongly, and what of it has no effect here. */
export interface Findings {
  readonly errors: string[];
  readonly warnings: string[];
}

/** Where a field stands, for people: "models.config:3:5", or its path where there is no file. */
export type Where = (fieldPath: string) => string;

export type FileResult =
  | { readonly bytes: Buffer; readonly error?: undefined; readonly isMissing?: undefined }
  | { readonly error: string; readonly isMissing: boolean; readonly bytes?: undefined };

/** The file's bytes, or one line that says why there are none. Never throws. For the start, when nothing is served yet. */
export function readConfigFile(path: string): FileResult {
  try {
    return tooLarge(path, statSync(path).size) ?? { bytes: readFileSync(path) };
  } catch (error) {
    return failure(path, error);
  }
}

/** The same without holding up the event loop, however slow the disk. Never rejects. */
export async function loadConfigFile(path: string): Promise<FileResult> {
  try {
    const { size } = await stat(path);
    return tooLarge(path, size) ?? { bytes: await readFile(path) };
  } catch (error) {
    return failure(path, error);
  }
}

function tooLarge(path: string, size: number): FileResult | undefined {
  if (size <= MAX_BYTES) return undefined;
  return { error: `${path}: ${size} bytes are too many for a configuration; at most ${MAX_BYTES}`, isMissing: false };
}

function failure(path: string, thrown: unknown): FileResult {
  const { code, message } = thrown as NodeJS.ErrnoException;
  const isMissing = code === 'ENOENT';
  if (isMissing) return { error: `${path}: there is no such file`, isMissing };
  if (code === 'EISDIR') return { error: `${path}: is a directory; name the file in it`, isMissing };
  return { error: `${path}: cannot be read: ${message}`, isMissing };
}

/** Tells contents apart. */
export function contentHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A text proto of the type. Adds to `errors` and gives undefined if it cannot be read or parsed. */
export function parseTextProtoFile(
  typeName: string,
  path: string,
  bytes: Uint8Array,
  errors: string[],
): { readonly message: Message; readonly where: Where } | undefined {
  try {
    const { message, places } = parseTextProto(protoMessage(typeName), bytes);
    return { message, where: whereIn(path, places) };
  } catch (error) {
    if (!(error instanceof TextProtoError)) throw error;
    errors.push(`${path}:${error.message}`);
    return undefined;
  }
}

/** Reads and parses at once. */
export function readTextProtoFile(
  typeName: string,
  path: string,
  errors: string[],
): ReturnType<typeof parseTextProtoFile> {
  const { bytes, error } = readConfigFile(path);
  if (bytes === undefined) {
    errors.push(error);
    return undefined;
  }
  return parseTextProtoFile(typeName, path, bytes, errors);
}

/** The field's own place, or that of the nearest message around it that was written down. */
function whereIn(path: string, places: ReadonlyMap<string, { readonly line: number; readonly column: number }>): Where {
  return (fieldPath) => {
    for (let name = fieldPath; name !== ''; name = name.slice(0, Math.max(0, name.lastIndexOf('.')))) {
      const place = places.get(name);
      if (place !== undefined) return `${path}:${place.line}:${place.column}`;
    }
    return path;
  };
}
