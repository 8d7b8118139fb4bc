/**
 * Hugging Face's tokenizers, the native package: reads a tokenizer.json and makes tokens of texts. It is used only in the
 * tokenizers' own process (tokenizer-entry.ts): a file of a model may hold regular expressions that never end, and native
 * code cannot be stopped within a process.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ServingError } from '../../../core/errors.ts';
import type { Encoded, TextRow, TokenizeOptions } from '../exported/text-model.ts';
import { stripped } from './white-space.ts';

/** The part of the package that is used; its own types are const enums, which a compiler of single files cannot read. */
interface Package {
  readonly Tokenizer: { fromString(json: string): Tokenizer };
}

interface Tokenizer {
  disablePadding(): void;
  setTruncation(maxTokens: number, options: { strategy: 'LongestFirst'; direction: string; stride: number }): void;
  encode(text: string, pair: string | null, options: { addSpecialTokens: boolean }): Promise<Encoding>;
  decodeBatch(ids: number[][], skipsSpecialTokens: boolean): Promise<string[]>;
  tokenToId(token: string): number | null;
}

/** A tokenized text: one element a token in each list. */
interface Encoding {
  getIds(): number[];
  getTypeIds(): number[];
  getOffsets(): number[][];
  getWordIds(): (number | null)[];
  getSequenceIds(): (number | null)[];
  getSpecialTokensMask(): number[];
  getOverflowing(): Encoding[];
}

export interface NativeOptions {
  /** The name of the file in the version's directory. */
  readonly file: string;
  /** Texts are cut to so many tokens, special ones included. */
  readonly maxTokens: number;
  /** The side of a text that is cut. */
  readonly cuts: 'right' | 'left';
  /** Space at both ends of a text is removed before (white-space.ts). Places are those in the text as it came. */
  readonly strips: boolean;
  /** Pairs of texts come, too. */
  readonly takesPairs: boolean;
}

const NOTHING = new Int32Array(0);
const NO_BYTES = new Uint8Array(0);

export class NativeTokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #strips: boolean;

  private constructor(tokenizer: Tokenizer, strips: boolean) {
    this.#tokenizer = tokenizer;
    this.#strips = strips;
  }

  /**
   * Rejects with an Error with the package's text if the file is no tokenizer, or if the package is not installed; with
   * `load_failed` if so few tokens leave no room for a text's own.
   */
  static async open(directory: string, options: NativeOptions): Promise<NativeTokenizer> {
    const { file, maxTokens, cuts, strips } = options;
    // The package finds its library beside itself, so it is no part of the bundle.
    const native = createRequire(import.meta.url)('tokenizers') as Package;
    const tokenizer = native.Tokenizer.fromString(readFileSync(join(directory, file), 'utf8'));
    // Rows of one length share runs; which are padded, the scheduler decides.
    tokenizer.disablePadding();
    await checkRoom(tokenizer, options);
    tokenizer.setTruncation(maxTokens, { strategy: 'LongestFirst', direction: cuts, stride: 0 });
    return new NativeTokenizer(tokenizer, strips);
  }

  /** The id of a token; undefined = the vocabulary lacks it. */
  idOf(token: string): number | undefined {
    return this.#tokenizer.tokenToId(token) ?? undefined;
  }

  /** The text of each list of ids, as it would stand in a text: without the marks of the vocabulary. */
  async textsOf(lists: readonly (readonly number[])[]): Promise<readonly string[]> {
    return await this.#tokenizer.decodeBatch(lists as number[][], false);
  }

  /** One by one, so that the memory of one text is there at a time. */
  async encode(
    rows: readonly TextRow[],
    { hasOffsets = false, addsSpecialTokens = true }: TokenizeOptions = {},
  ): Promise<readonly Encoded[]> {
    const options = { addSpecialTokens: addsSpecialTokens };
    const encoded: Encoded[] = [];
    for (const { text, pair } of rows) {
      const first = this.#strips ? stripped(text) : { text, start: 0 };
      const second = this.#strips && pair !== undefined ? stripped(pair) : { text: pair ?? null, start: 0 };
      const encoding = await this.#tokenizer.encode(first.text, second.text, options);
      encoded.push(encodedOf(encoding, hasOffsets, [first.start, second.start]));
    }
    return encoded;
  }
}

/** A text of which not one token would be left has an answer that says nothing of it. */
async function checkRoom(tokenizer: Tokenizer, { maxTokens, takesPairs }: NativeOptions): Promise<void> {
  for (const pair of takesPairs ? [null, ''] : [null]) {
    const encoding = await tokenizer.encode('', pair, { addSpecialTokens: true });
    const special = encoding.getSpecialTokensMask().reduce((sum, is) => sum + is, 0);
    if (maxTokens > special) continue;
    const what = pair === null ? 'a text' : 'a pair of texts';
    throw new ServingError(
      'load_failed',
      `${what} is cut to ${maxTokens} tokens, and the tokenizer adds ${special} special ones to it: ` +
        `let max_tokens of text in pillion.yaml be ${special + 1} or more`,
    );
  }
}

/** `starts`: the places in the texts as they came of those that were tokenized. */
function encodedOf(encoding: Encoding, hasOffsets: boolean, starts: readonly [number, number]): Encoded {
  const isCut = encoding.getOverflowing().length > 0;
  return {
    ids: Int32Array.from(encoding.getIds()),
    typeIds: Int32Array.from(encoding.getTypeIds()),
    offsets: hasOffsets ? offsetsOf(encoding, starts) : NOTHING,
    special: hasOffsets ? Uint8Array.from(encoding.getSpecialTokensMask()) : NO_BYTES,
    words: hasOffsets ? Int32Array.from(encoding.getWordIds(), (word) => word ?? -1) : NOTHING,
    cutAt: isCut ? cutOf(encoding) + starts[0] : -1,
  };
}

/** Special tokens, which are of neither text, stay where they are. */
function offsetsOf(encoding: Encoding, starts: readonly [number, number]): Int32Array {
  const offsets = Int32Array.from(encoding.getOffsets().flat());
  if (starts[0] === 0 && starts[1] === 0) return offsets;
  for (const [i, sequence] of encoding.getSequenceIds().entries()) {
    if (sequence === null) continue;
    const start = starts[sequence as 0 | 1];
    offsets[2 * i]! += start;
    offsets[2 * i + 1]! += start;
  }
  return offsets;
}

/** The end of the last token of the first text that is there. */
function cutOf(encoding: Encoding): number {
  const offsets = encoding.getOffsets();
  const sequences = encoding.getSequenceIds();
  let end = 0;
  for (let i = 0; i < offsets.length; i++) if (sequences[i] === 0) end = Math.max(end, offsets[i]![1]!);
  return end;
}
