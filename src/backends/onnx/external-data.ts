/**
 * Says what is wrong with the files that have a model's weights. ONNX Runtime alone judges them; where it refuses one, it
 * may name neither the tensor nor the file ("model format error!").
 *
 *   TensorProto{ name: "w", dims: [4], external_data: [{location: "w.bin"}, {offset: "0"}, {length: "16"}] }
 */
import { realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, sep } from 'node:path';
import { quoteName } from '../../core/list-names.ts';
import { fieldsOf, GRAPH, graphFieldsOf, textOf } from './graph/proto/message-fields.ts';
import { readModelFile } from './graph/proto/model-file.ts';

/** Fields of a TensorProto. */
const TENSOR = { name: 8, external: 13 } as const;
/** The keys that ONNX Runtime knows; for one with another it says "model format error!". */
const KEYS = ['location', 'offset', 'length', 'checksum'];

/** The words of ONNX Runtime about such files. */
const OF_FILES = /external|model format error|ParseStringWithClassicLocale|cannot get file size/i;

/**
 * A text for a model that ONNX Runtime refused with `refusal`: the first tensor whose values cannot be read from their
 * file, what is wrong, and a fix. Undefined if the refusal is of something else, or none is found. Never rejects.
 */
export async function externalDataText(file: string, refusal: string): Promise<string | undefined> {
  if (!OF_FILES.test(refusal)) return undefined;
  try {
    const directory = await realpath(dirname(file));
    for (const { number, value } of graphFieldsOf(await readModelFile(file))) {
      if (number !== GRAPH.initializer) continue;
      const entries = entriesOf(value);
      const fault = entries.size === 0 ? undefined : await faultOf(directory, entries);
      if (fault !== undefined) return `the values of tensor ${quoteName(textOf(value, TENSOR.name))} ${fault}`;
    }
  } catch {
    // The model cannot be read here: ONNX Runtime's words are left.
  }
  return undefined;
}

function entriesOf(tensor: Uint8Array): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  for (const { number, value } of fieldsOf(tensor)) {
    if (number === TENSOR.external) entries.set(textOf(value, 1), textOf(value, 2));
  }
  return entries;
}

/** Undefined = the file is there, and has them. */
async function faultOf(directory: string, entries: ReadonlyMap<string, string>): Promise<string | undefined> {
  const location = entries.get('location') ?? '';
  if (location === '') return 'are in another file, and the model does not say which; save the model anew';
  const are = `are in ${quoteName(location)}`;
  const unknown = [...entries.keys()].find((key) => !KEYS.includes(key));
  if (unknown !== undefined) {
    return `${are}, with a key ${quoteName(unknown)} that ONNX Runtime does not know; save the model without it`;
  }
  const path = await pathOf(directory, location);
  if (typeof path !== 'string') return `${are}, ${path.fault}`;
  const { size } = await stat(path);
  return rangeFault(are, entries, size);
}

interface Fault {
  readonly fault: string;
}

/** The file, or why it is none that may be read. */
async function pathOf(directory: string, location: string): Promise<string | Fault> {
  const moved = 'put it beside the model, and save the model with its name alone';
  if (isAbsolute(location)) return { fault: `which is an absolute path; ${moved}` };
  const path = await realpath(join(directory, location)).catch(() => undefined);
  if (path === undefined) return { fault: 'which is not there; put that file beside the model' };
  if (!path.startsWith(directory + sep)) return { fault: `which is not in the model's directory; ${moved}` };
  return (await stat(path)).isFile() ? path : { fault: 'which is no file; put the file with the values there' };
}

/** `size`: of the file. Without a length, ONNX Runtime reads as many bytes as the tensor has. */
function rangeFault(are: string, entries: ReadonlyMap<string, string>, size: number): string | undefined {
  const [offset, length] = ['offset', 'length'].map((key) => entries.get(key) ?? '0') as [string, string];
  for (const [key, text] of [
    ['offset', offset],
    ['length', length],
  ] as const) {
    if (!/^\d+$/.test(text))
      return `${are}, with the ${key} ${quoteName(text)}, which is no number; save the model anew`;
  }
  if (Number(offset) + Number(length) <= size && (entries.has('length') || Number(offset) < size)) return undefined;
  const from = entries.has('length') ? `${length} bytes from byte ${offset} on` : `from byte ${offset} on`;
  return `${are}, ${from}, and that file has ${size} bytes; copy the whole file`;
}
