/**
 * Reads configuration files. Errors have one form everywhere: "path:line:column: …".
 */
import type { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { Message } from '@bufbuild/protobuf';
import { protoMessage } from '../codec/protobuf/proto-messages.ts';
import { parseTextProto } from './text-proto/text-proto-parser.ts';
import { TextProtoError } from './text-proto/tokenizer.ts';

/** A larger file is no configuration: it was named by mistake, and would only fill memory. */
const MAX_BYTES = 16 * 2 ** 20;

/** The mistakes of a configuration, and its parts that have no effect here. */
export interface Findings {
  readonly errors: string[];
  readonly warnings: string[];
}

/** The place of a field, for people: "models.config:3:5", or its path if there is no file. */
export type Where = (fieldPath: string) => string;

export type FileResult =
  | { readonly bytes: Buffer; readonly error?: undefined; readonly isMissing?: undefined }
  | { readonly error: string; readonly isMissing: boolean; readonly bytes?: undefined };

/** The file's bytes, or an error text. Never throws. Blocks: for the start, when nothing is served yet. */
export function readConfigFile(path: string): FileResult {
  try {
    return tooLarge(path, statSync(path).size) ?? { bytes: readFileSync(path) };
  } catch (error) {
    return failure(path, error);
  }
}

/** The same without blocking the event loop. Never rejects. */
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

export function contentHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Parses a message of the type. On a mistake it adds to `errors` and returns undefined. */
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

/** Reads the file, then parses it. */
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

/** The field's place, or that of the nearest enclosing message in the file. */
function whereIn(path: string, places: ReadonlyMap<string, { readonly line: number; readonly column: number }>): Where {
  return (fieldPath) => {
    for (let name = fieldPath; name !== ''; name = name.slice(0, Math.max(0, name.lastIndexOf('.')))) {
      const place = places.get(name);
      if (place !== undefined) return `${path}:${place.line}:${place.column}`;
    }
    return path;
  };
}
