/**
 * The texts of a request, checked: UTF-8, the limits of the model, the prompts that they name. Equal texts become one
 * row. Errors name the text and the character.
 */
import { Buffer, isAscii, isUtf8 } from 'node:buffer';
import { invalidRequest, ServingError } from '../../../core/errors.ts';
import type { Steps } from '../../../core/in-slices.ts';
import { listNames, quoteName } from '../../../core/list-names.ts';
import { elements, type NumericTensor, type StringTensor, type TensorMap } from '../../../core/tensor.ts';
import { checkTextCount } from '../exported/text-count.ts';
import { TEXT_INPUTS } from '../exported/text-model.ts';
import type { TextSettings } from '../files/settings.ts';
import type { ByteRow } from '../tokenizer/tokenizer-host.ts';

const MOST_CHARACTER_BYTES = 4;
/** Bytes that one step reads. */
const STEP_BYTES = 128 * 1024;
/** Bytes that are looked at together for a fault. */
const BLOCK_BYTES = 4096;

export interface RequestTexts {
  /** The rows to run: each once, however often the request has it. */
  readonly rows: readonly ByteRow[];
  /** The index of the row of each text of the request. */
  readonly rowOf: readonly number[];
  /** The texts that are refused if they are too long. */
  readonly isStrict: readonly boolean[];
  /** The width of embeddings; 0 = the model's own. */
  readonly dimensions: number;
}

/** Throws `invalid_request` or `too_large`. */
export function* readTexts(inputs: TensorMap, settings: TextSettings): Steps<RequestTexts> {
  const texts = columnOf(inputs, TEXT_INPUTS.text)!;
  const pairs = columnOf(inputs, TEXT_INPUTS.pair);
  if (texts.length === 0) throw invalidRequest('the request has no texts; send one or more');
  for (const [name, { shape }] of inputs) {
    if (shape[0] === texts.length) continue;
    throw invalidRequest(
      `input "${name}" has ${shape[0]} rows, but there are ${texts.length} texts; send one for each text`,
    );
  }
  yield* checkLimits(texts, pairs, settings);
  const prompts = columnOf(inputs, TEXT_INPUTS.prompt);
  const truncate = inputs.get(TEXT_INPUTS.truncate)?.data as Uint8Array | undefined;
  const rows: ByteRow[] = [];
  const rowOf: number[] = [];
  const known = new Map<string, number>();
  let bytes = 0;
  for (let i = 0; i < texts.length; i++) {
    const row = rowAt(i, texts, pairs, promptOf(prompts?.[i], i, settings), settings);
    const key = texts.length === 1 ? '' : keyOf(row);
    let at = known.get(key);
    if (at === undefined) {
      at = rows.push(row) - 1;
      known.set(key, at);
    }
    rowOf.push(at);
    bytes += row.text.length + (row.pair?.length ?? 0);
    if (bytes < STEP_BYTES) continue;
    bytes = 0;
    yield;
  }
  const isStrict = texts.map((_, i) => (truncate === undefined ? !settings.truncates : truncate[i] === 0));
  return { rows, rowOf, isStrict, dimensions: dimensionsOf(inputs) };
}

/** The elements of an input [n], or [n, 1]; undefined if the signature lacks it. */
function columnOf(inputs: TensorMap, name: string): readonly Uint8Array[] | undefined {
  const tensor = inputs.get(name) as StringTensor | undefined;
  if (tensor === undefined) return undefined;
  const { shape, data } = tensor;
  if (shape.length === 0 || data.length !== shape[0]) {
    throw invalidRequest(`input "${name}" has the shape [${shape.join(', ')}]; send one text a row, as [n] or [n, 1]`);
  }
  return data;
}

function rowAt(
  i: number,
  texts: readonly Uint8Array[],
  pairs: readonly Uint8Array[] | undefined,
  prompt: Uint8Array | undefined,
  { task }: TextSettings,
): ByteRow {
  const text = prompt === undefined ? texts[i]! : Buffer.concat([prompt, texts[i]!]);
  const pair = pairs?.[i];
  if (pair === undefined || (pair.length === 0 && task !== 'reranking')) return { text };
  return { text, pair };
}

/** Differs between any two rows that do: that of a pair begins with a digit. */
function keyOf({ text, pair }: ByteRow): string {
  const own = latin1(text);
  return pair === undefined ? `-${own}` : `${own.length} ${own}${latin1(pair)}`;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function* checkLimits(
  texts: readonly Uint8Array[],
  pairs: readonly Uint8Array[] | undefined,
  settings: TextSettings,
): Steps<void> {
  const { limits } = settings;
  checkTextCount(settings, texts.length, pairs);
  let [all, read] = [0, 0];
  for (const [name, column] of [
    [TEXT_INPUTS.text, texts],
    [TEXT_INPUTS.pair, pairs ?? []],
  ] as const) {
    for (let i = 0; i < column.length; i++) {
      const bytes = column[i]!;
      // A text of more bytes than so many characters can have is not read.
      const isHuge = bytes.length > MOST_CHARACTER_BYTES * limits.charactersPerText;
      const characters = isHuge ? bytes.length : charactersOf(bytes, `${name} ${i}`);
      if (characters > limits.charactersPerText) {
        const has = `${name} ${i} has ${characters} ${isHuge ? 'bytes' : 'characters'}`;
        throw tooLarge(`${has}, and ${limits.charactersPerText} characters are the most; cut it`);
      }
      all += characters;
      read += bytes.length;
      if (read < STEP_BYTES) continue;
      read = 0;
      yield;
    }
  }
  if (all > limits.characters) {
    throw tooLarge(
      `the texts have ${all} characters together, and ${limits.characters} are the most; send fewer at once`,
    );
  }
}

/** Its code points. Throws `invalid_request` if it is no UTF-8. */
function charactersOf(bytes: Uint8Array, what: string): number {
  // Megabytes of ASCII are counted at once, where a loop would hold up the server.
  if (isAscii(bytes)) return bytes.length;
  if (isUtf8(bytes)) return countOf(bytes, bytes.length);
  const at = faultIn(bytes);
  throw invalidRequest(`${what} is not valid UTF-8 at character ${countOf(bytes, at)} (byte ${at})`);
}

function countOf(bytes: Uint8Array, end: number): number {
  let count = 0;
  for (let i = 0; i < end; i++) if ((bytes[i]! & 0xc0) !== 0x80) count += 1;
  return count;
}

/** The start of the first character that is none. */
function faultIn(bytes: Uint8Array): number {
  for (let at = soundStart(bytes); at < bytes.length; ) {
    const lead = bytes[at]!;
    const size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (!isUtf8(bytes.subarray(at, at + size))) return at;
    at += size;
  }
  return bytes.length;
}

/** The end of the blocks before the one with the fault: one call each, where one for each character would take long. */
function soundStart(bytes: Uint8Array): number {
  for (let at = 0; ; ) {
    let end = at + BLOCK_BYTES;
    // A character is not cut.
    while (end > at && (bytes[end]! & 0xc0) === 0x80) end -= 1;
    if (end >= bytes.length || end === at || !isUtf8(bytes.subarray(at, end))) return at;
    at = end;
  }
}

const PROMPT_BYTES = new WeakMap<TextSettings, Map<string, Uint8Array>>();

/** Undefined = there is nothing before the text. Throws `invalid_request` for a name that the model lacks. */
function promptOf(name: Uint8Array | undefined, i: number, settings: TextSettings): Uint8Array | undefined {
  const given = name === undefined ? '' : latin1(name);
  let known = PROMPT_BYTES.get(settings);
  if (known === undefined) {
    known = new Map([...settings.prompts].map(([key, text]) => [latin1(Buffer.from(key)), Buffer.from(text)]));
    PROMPT_BYTES.set(settings, known);
  }
  const wanted = given === '' ? latin1(Buffer.from(settings.defaultPrompt)) : given;
  if (wanted === '') return undefined;
  const prompt = known.get(wanted);
  if (prompt === undefined) {
    const names = listNames(settings.prompts.keys());
    throw invalidRequest(
      `text ${i} names the prompt ${quoteName(Buffer.from(name!).toString())}; the model's are ${names}`,
    );
  }
  return prompt.length === 0 ? undefined : prompt;
}

/** The code points that a prompt puts before a text of a request that has been read. */
export function charactersOfPrompt(inputs: TensorMap, i: number, settings: TextSettings): number {
  const prompt = promptOf(columnOf(inputs, TEXT_INPUTS.prompt)?.[i], i, settings);
  return prompt === undefined ? 0 : countOf(prompt, prompt.length);
}

/** The width that all rows agree in. */
function dimensionsOf(inputs: TensorMap): number {
  const tensor = inputs.get(TEXT_INPUTS.dimensions) as NumericTensor | undefined;
  if (tensor === undefined) return 0;
  const all = new Set((elements(tensor) as BigInt64Array).values());
  if (all.size > 1) throw invalidRequest('input "dimensions" differs between rows; send requests of one width each');
  const [first = 0n] = all;
  if (first < 0n || first > 2n ** 31n)
    throw invalidRequest(`input "dimensions" is ${first}; send a width, or 0 for the model's own`);
  return Number(first);
}

function tooLarge(text: string): ServingError {
  return new ServingError('too_large', text);
}
