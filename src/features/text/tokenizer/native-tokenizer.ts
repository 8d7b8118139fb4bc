/**
 * Hugging Face's tokenizers, the native package: reads a tokenizer.json and makes tokens of texts. It is used only in the
 * tokenizers' own process (tokenizer-entry.ts): a file of a model may hold regular expressions that never end, and native
 * code cannot be stopped within a process.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Encoded, TextRow, TokenizeOptions } from '../exported/text-model.ts';

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
}

const NOTHING = new Int32Array(0);
const NO_BYTES = new Uint8Array(0);

export class NativeTokenizer {
  readonly #tokenizer: Tokenizer;

  private constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** Throws an Error with the package's text if the file is no tokenizer, or if the package is not installed. */
  static open(directory: string, { file, maxTokens, cuts }: NativeOptions): NativeTokenizer {
    // The package finds its library beside itself, so it is no part of the bundle.
    const native = createRequire(import.meta.url)('tokenizers') as Package;
    const tokenizer = native.Tokenizer.fromString(readFileSync(join(directory, file), 'utf8'));
    // Rows of one length share runs; which are padded, the scheduler decides.
    tokenizer.disablePadding();
    tokenizer.setTruncation(maxTokens, { strategy: 'LongestFirst', direction: cuts, stride: 0 });
    return new NativeTokenizer(tokenizer);
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
      encoded.push(encodedOf(await this.#tokenizer.encode(text, pair ?? null, options), hasOffsets));
    }
    return encoded;
  }
}

function encodedOf(encoding: Encoding, hasOffsets: boolean): Encoded {
  const isCut = encoding.getOverflowing().length > 0;
  return {
    ids: Int32Array.from(encoding.getIds()),
    typeIds: Int32Array.from(encoding.getTypeIds()),
    offsets: hasOffsets ? Int32Array.from(encoding.getOffsets().flat()) : NOTHING,
    special: hasOffsets ? Uint8Array.from(encoding.getSpecialTokensMask()) : NO_BYTES,
    words: hasOffsets ? Int32Array.from(encoding.getWordIds(), (word) => word ?? -1) : NOTHING,
    cutAt: isCut ? cutOf(encoding) : -1,
  };
}

/** The end of the last token of the first text that is there. */
function cutOf(encoding: Encoding): number {
  const offsets = encoding.getOffsets();
  const sequences = encoding.getSequenceIds();
  let end = 0;
  for (let i = 0; i < offsets.length; i++) if (sequences[i] === 0) end = Math.max(end, offsets[i]![1]!);
  return end;
}
