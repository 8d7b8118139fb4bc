/**
 * Reads configuration files. Errors have one form everywhere: "path:line:column: …".
 */
import type { Buffer } from 'node:buffer';
import { readFileSync, type Stats, statSync } from 'node:fs';
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

/**
 * The file's bytes, or an error text. Never throws. Blocks: for the start, when nothing is served yet. `kind`: a file of
 * the command line may be a pipe; one that is found in a directory may not, because opening it would wait for a writer.
 */
export function readConfigFile(path: string, kind: 'any' | 'regular' = 'any'): FileResult {
  try {
    return unfit(path, statSync(path), kind) ?? { bytes: readFileSync(path) };
  } catch (error) {
    return failure(path, error);
  }
}

/** The same without blocking the event loop. Never rejects. */
export async function loadConfigFile(path: string, kind: 'any' | 'regular' = 'any'): Promise<FileResult> {
  try {
    return unfit(path, await stat(path), kind) ?? { bytes: await readFile(path) };
  } catch (error) {
    return failure(path, error);
  }
}

function unfit(path: string, stats: Stats, kind: 'any' | 'regular'): FileResult | undefined {
  const { size } = stats;
  if (kind === 'regular' && !stats.isFile() && !stats.isDirectory()) {
    return { error: `${path}: is no file that can be read as a whole`, isMissing: false };
  }
  if (size <= MAX_BYTES) return undefined;
  return { error: `${path}: ${size} bytes are too many for a configuration; at most ${MAX_BYTES}`, isMissing: false };
}

/** A user's sentence about a file that could not be read, for what was thrown. */
export function fileProblem(path: string, thrown: unknown): string {
  return failure(path, thrown).error;
}

function failure(path: string, thrown: unknown): Extract<FileResult, { readonly error: string }> {
  const { code, message } = thrown as NodeJS.ErrnoException;
  const isMissing = code === 'ENOENT';
  if (isMissing) return { error: `${path}: there is no such file`, isMissing };
  if (code === 'EISDIR') return { error: `${path}: is a directory; name the file in it`, isMissing };
  return { error: `${path}: cannot be read: ${message}`, isMissing };
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
