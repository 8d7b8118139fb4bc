/** Finds the model's file in a version directory, without ONNX Runtime. */
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ServingError } from '../../core/errors.ts';

const DEFAULT_FILE = 'model.onnx';

/** The names of the *.onnx files. Rejects with the file system's error. */
async function onnxFiles(versionDirectory: string): Promise<string[]> {
  const entries = await readdir(versionDirectory, { withFileTypes: true });
  // Opening a pipe would wait for its writer.
  const isFile = (entry: Dirent): boolean => entry.isFile() || entry.isSymbolicLink();
  return entries.filter((entry) => entry.name.endsWith('.onnx') && isFile(entry)).map((entry) => entry.name);
}

/** The directory has an *.onnx file. Never rejects. */
export async function hasModelFile(versionDirectory: string): Promise<boolean> {
  return (await onnxFiles(versionDirectory).catch(() => [])).length > 0;
}

/** The path of model.onnx, or of the only *.onnx file. Rejects with `load_failed`. */
export async function findModelFile(versionDirectory: string): Promise<string> {
  const names = await onnxFiles(versionDirectory).catch((cause: unknown) => {
    throw new ServingError('load_failed', `"${versionDirectory}" cannot be read: ${String(cause)}`, { cause });
  });
  if (names.includes(DEFAULT_FILE)) return join(versionDirectory, DEFAULT_FILE);
  if (names.length === 1) return join(versionDirectory, names[0]!);
  const found = names.length === 0 ? 'no *.onnx file' : `several (${names.sort().join(', ')})`;
  throw new ServingError('load_failed', `"${versionDirectory}" holds ${found}; name the model ${DEFAULT_FILE}`);
}
