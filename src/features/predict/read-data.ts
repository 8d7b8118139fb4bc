/** A user's data → its bytes and form, by the name of a file, or by the first character. */
import { Buffer, isUtf8 } from 'node:buffer';
import { createReadStream, statSync } from 'node:fs';
import { extname } from 'node:path';
import process from 'node:process';
import { DataError } from './data-error.ts';

export interface GivenData {
  readonly form: 'json' | 'csv' | 'tsv' | 'npy' | 'text' | 'bytes';
  readonly bytes: Buffer;
  /** Its place, for error texts. */
  readonly from: string;
}

/** A request may have no more bytes anyway: protobuf's messages end here. */
const MAX_BYTES = 2 ** 31 - 1;
const STDIN = '-';
const SHOWN_LENGTH = 40;
/** Some editors put it before UTF-8; JSON has no such mark. */
const MARK = Buffer.from('\ufeff');

const FORMS: Readonly<Record<string, GivenData['form']>> = {
  '.json': 'json',
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.npy': 'npy',
  '.txt': 'text',
};

/** MODEL and DATA of the words: one word alone is the model, unless it is a file or begins as JSON does. */
export function modelAndData([first, second]: readonly string[]): { readonly model: string; readonly data: string } {
  if (second !== undefined) return { model: first!, data: second };
  if (first === undefined) return { model: '', data: STDIN };
  return isFile(first) || isJson(first) || first === STDIN ? { model: '', data: first } : { model: first, data: STDIN };
}

/** Rejects with DataError. */
export async function readData(data: string): Promise<GivenData> {
  if (data === STDIN) {
    if (process.stdin.isTTY) throw new DataError('which data? give a file, JSON, or pipe it in; --help has examples');
    const bytes = await readAll(process.stdin, 'standard input');
    return checked(formOfBytes(bytes), bytes, 'standard input');
  }
  if (isFile(data)) {
    const bytes = await readAll(createReadStream(data), data);
    return checked(FORMS[extname(data).toLowerCase()] ?? formOfBytes(bytes, 'bytes'), bytes, data);
  }
  const bytes = Buffer.from(data);
  if (isJson(data)) return { form: 'json', bytes, from: 'the JSON' };
  const isPath = /^[./~]|\.(json|csv|tsv|npy|txt|png|jpe?g)$/i.test(data) && !/\s/.test(data);
  const isFolder = statSync(data, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isFolder) throw new DataError(`${data}: is a folder; give a file in it`);
  if (isPath) throw new DataError(`${data}: there is no such file`);
  if (data.trim() === '') throw new DataError('the data is empty; give a file, JSON or a text');
  return { form: 'text', bytes, from: `${JSON.stringify(shortened(data))}, which names no file,` };
}

function shortened(text: string): string {
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}

/** Text in another encoding would be other words: "Tromsø" in Latin-1 is a category that no model knows. */
function checked(form: GivenData['form'], bytes: Buffer, from: string): GivenData {
  if (form === 'npy' || form === 'bytes') return { form, bytes, from };
  if (!isUtf8(bytes)) throw new DataError(`${from} is no UTF-8; save it as UTF-8`);
  const hasMark = bytes.subarray(0, MARK.length).equals(MARK);
  return { form, bytes: hasMark ? bytes.subarray(MARK.length) : bytes, from };
}

async function readAll(stream: AsyncIterable<Uint8Array>, from: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of stream) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_BYTES) break;
    }
  } catch (error) {
    throw new DataError(`${from}: cannot be read: ${(error as Error).message}`);
  }
  if (length > MAX_BYTES) throw new DataError(`${from}: more than 2 GiB is no request; send it in parts`);
  if (length === 0) throw new DataError(`${from} is empty`);
  return Buffer.concat(chunks);
}

function isFile(word: string): boolean {
  return statSync(word, { throwIfNoEntry: false })?.isDirectory() === false;
}

function isJson(text: string): boolean {
  return /^\s*[[{]/.test(text);
}

/** NumPy's files begin with a byte that no text has. */
function formOfBytes(bytes: Buffer, other: 'text' | 'bytes' = 'text'): GivenData['form'] {
  if (bytes.subarray(1, 6).toString('latin1') === 'NUMPY') return 'npy';
  return isJson(bytes.subarray(0, 100).toString()) ? 'json' : other;
}
