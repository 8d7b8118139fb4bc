/** The module of the tokenizers' process: a tokenizer as a backend, whose calls are signatures (tokenizer-calls.ts). */
import { Buffer } from 'node:buffer';
import type { Backend, LoadOptions, Session } from '../../../backends/backend.ts';
import { ServingError } from '../../../core/errors.ts';
import type { StringTensor, Tensor, TensorMap } from '../../../core/tensor.ts';
import type { TextRow } from '../exported/text-model.ts';
import { NativeTokenizer } from './native-tokenizer.ts';
import {
  CALLS,
  encodedTensors,
  FLAG_PAIR,
  FLAG_PLAIN,
  int32s,
  numbersOf,
  PARAMETERS,
  strings,
} from './tokenizer-calls.ts';

export const backend: Backend = {
  kind: 'tokenizer',
  mustRunIn: 'process',

  probe: () => Promise.resolve(false),

  async load(versionDirectory, options): Promise<Session> {
    const file = String(options.parameters.get(PARAMETERS.file));
    try {
      return new TokenizerSession(await open(versionDirectory, file, options));
    } catch (cause) {
      if (cause instanceof ServingError) throw cause;
      const text = (cause as Error).message.split('\n', 1)[0]!;
      throw new ServingError('load_failed', `${file} is no tokenizer that can be read: ${text}`, { cause });
    }
  },
};

function open(directory: string, file: string, { parameters }: LoadOptions): Promise<NativeTokenizer> {
  const maxTokens = Number(parameters.get(PARAMETERS.maxTokens));
  return NativeTokenizer.open(directory, {
    file,
    maxTokens,
    cuts: parameters.get(PARAMETERS.cuts) === 'left' ? 'left' : 'right',
    strips: parameters.get(PARAMETERS.strips) === 1,
    takesPairs: parameters.get(PARAMETERS.takesPairs) === 1,
  });
}

class TokenizerSession implements Session {
  readonly signatures = new Map();
  readonly #tokenizer: NativeTokenizer;

  constructor(tokenizer: NativeTokenizer) {
    this.#tokenizer = tokenizer;
  }

  async run(call: string, inputs: TensorMap): Promise<TensorMap> {
    if (call === CALLS.texts) return this.#texts(numbersOf(inputs.get('ids')), numbersOf(inputs.get('counts')));
    if (call === CALLS.ids) return this.#ids(stringsOf(inputs.get('texts')!));
    return this.#encode(inputs, call === CALLS.encodeWithOffsets);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #encode(inputs: TensorMap, hasOffsets: boolean): Promise<TensorMap> {
    const texts = stringsOf(inputs.get('texts')!);
    const pairs = stringsOf(inputs.get('pairs')!);
    const flags = inputs.get('flags')!.data as Uint8Array;
    const rows = texts.map((text, i): TextRow => (flags[i]! & FLAG_PAIR ? { text, pair: pairs[i] } : { text }));
    const addsSpecialTokens = flags.length === 0 || (flags[0]! & FLAG_PLAIN) === 0;
    try {
      return encodedTensors(await this.#tokenizer.encode(rows, { hasOffsets, addsSpecialTokens }), hasOffsets);
    } catch (cause) {
      throw new ServingError('backend_failed', `the tokenizer failed: ${(cause as Error).message}`, { cause });
    }
  }

  async #texts(ids: Int32Array, counts: Int32Array): Promise<TensorMap> {
    let at = 0;
    const lists = Array.from(counts, (count) => {
      at += count;
      return Array.from(ids.subarray(at - count, at));
    });
    const texts = await this.#tokenizer.textsOf(lists);
    return new Map<string, Tensor>([['texts', strings(texts.map((text) => Buffer.from(text)))]]);
  }

  async #ids(tokens: readonly string[]): Promise<TensorMap> {
    return new Map([['ids', int32s(Int32Array.from(tokens, (token) => this.#tokenizer.idOf(token) ?? -1))]]);
  }
}

function stringsOf(tensor: Tensor): readonly string[] {
  return (tensor as StringTensor).data.map((bytes) => Buffer.from(bytes).toString('utf8'));
}
