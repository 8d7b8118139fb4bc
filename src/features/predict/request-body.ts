/** Data of any form → a body of TensorFlow Serving's REST API, from which requests of all protocols are made. */
import { Buffer } from 'node:buffer';
import type { ServedTensor } from '../../cli/served-inputs.ts';
import { DEFAULT_SIGNATURE_NAME } from '../../core/signature.ts';
import { csvInstances } from './csv-body.ts';
import { DataError } from './data-error.ts';
import { readNpy, tensorJson } from './npy-body.ts';
import { isPicture } from './picture/decode-picture.ts';
import { type PictureOptions, UNSAID } from './picture/options.ts';
import type { GivenData } from './read-data.ts';

/** The defaults of PICTURE_OPTIONS. */
const PLAIN_PICTURE: PictureOptions = { pixels: UNSAID, resize: 'no', channels: 'rgb' };

type Inputs = ReadonlyMap<string, ServedTensor>;

/** `inputs` asks the server for the signature's; it is called only where they matter. Rejects with DataError. */
export async function requestBody(
  data: GivenData,
  signature: string,
  inputs: () => Promise<Inputs>,
  picture: PictureOptions = PLAIN_PICTURE,
): Promise<Buffer> {
  const named = signature === DEFAULT_SIGNATURE_NAME ? '' : `"signature_name":${JSON.stringify(signature)},`;
  if (data.form === 'json') return jsonBody(data, named);
  const found = await inputs();
  const isDecoded = data.form === 'bytes' && isPicture(data.bytes);
  const member = (isDecoded && (await pictureMember(data, found, picture))) || memberOf(data, found);
  return Buffer.from(`{${named}${member}}`);
}

/** Undefined = the model decodes the picture itself. */
async function pictureMember(data: GivenData, inputs: Inputs, options: PictureOptions): Promise<string | undefined> {
  const input = onlyInput(inputs, data.form);
  const [name, { dtype }] = input;
  if (dtype === 'string') return undefined;
  const { pictureJson } = await import('./picture/picture-tensor.ts');
  return `"inputs":{${JSON.stringify(name)}:${await pictureJson(data, input, options)}}`;
}

function memberOf(data: GivenData, inputs: Inputs): string {
  const { form, bytes, from } = data;
  if (form === 'csv' || form === 'tsv') return `"instances":${csvInstances(data, inputs)}`;
  const [input, spec] = onlyInput(inputs, form);
  if (form === 'npy') return `"inputs":{${JSON.stringify(input)}:${tensorJson(readNpy(bytes, from), spec.dtype)}}`;
  if (spec.dtype !== 'string') throw notText(data, input, spec);
  const isList = (spec.shape?.length ?? 1) > 1;
  const rows = (form === 'bytes' ? [bytes] : linesOf(bytes)).map((row) => elementText(row, form === 'bytes'));
  return `"instances":[${rows.map((row) => (isList ? `[${row}]` : row)).join(',')}]`;
}

function elementText(row: Buffer, isBytes: boolean): string {
  return isBytes ? `{"b64":"${row.toString('base64')}"}` : JSON.stringify(row.toString());
}

function linesOf(bytes: Buffer): readonly Buffer[] {
  const lines = bytes.toString().split(/\r?\n/);
  return lines.filter((line, i) => line !== '' || i < lines.length - 1).map((line) => Buffer.from(line));
}

/** A body as the API has it, a list of rows, or one row. */
function jsonBody({ bytes, from }: GivenData, named: string): Buffer {
  const text = bytes.toString();
  if (/^\s*\[/.test(text)) return Buffer.from(`{${named}"instances":${text}}`);
  const keys = topKeys(text, from);
  const isBody = keys.includes('instances') || keys.includes('inputs');
  if (!isBody) return Buffer.from(`{${named}"instances":[${text}]}`);
  return named === '' || keys.includes('signature_name') ? bytes : Buffer.from(text.replace('{', `{${named}`));
}

/** NaN and Infinity are taken in a body, but not by JSON.parse. */
function topKeys(text: string, from: string): readonly string[] {
  const strict = text.replaceAll(/"[^"\\]*(?:\\.[^"\\]*)*"|-?Infinity|NaN/g, (token) =>
    token.startsWith('"') ? token : '0',
  );
  try {
    return Object.keys(JSON.parse(strict) as object);
  } catch (error) {
    throw new DataError(`${from} is no JSON: ${(error as Error).message}`);
  }
}

function onlyInput(inputs: Inputs, form: GivenData['form']): [string, ServedTensor] {
  const [first, ...others] = inputs;
  if (first !== undefined && others.length === 0) return first;
  const names = [...inputs.keys()].map((name) => JSON.stringify(name)).join(', ');
  const what = form === 'npy' ? 'an array' : form === 'text' ? 'a text' : 'a file of bytes';
  throw new DataError(
    `the model has the inputs ${names || '(none)'}, and ${what} is one; give JSON or CSV with these names`,
  );
}

function notText({ form, from }: GivenData, input: string, { dtype }: ServedTensor): DataError {
  const fix =
    form === 'text'
      ? 'give JSON, CSV or .npy'
      : 'of files of bytes only JPEG and PNG are decoded: save the array that the model takes by numpy.save("x.npy", x)';
  return new DataError(
    `${from} is ${form === 'text' ? 'text' : 'bytes'}, but input ${JSON.stringify(input)} is ${dtype}; ${fix}`,
  );
}
