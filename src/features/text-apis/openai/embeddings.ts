/**
 * OpenAI's embeddings.
 *
 *   {"model": "m", "input": ["a", "b"]}  ─▶  {"object": "list", "data": [{"object": "embedding", …}], "usage": {…}}
 *
 * A text that is too long is refused, as there, unless "truncate" is true. "prompt_name" is that of
 * text-embeddings-inference.
 *
 * https://platform.openai.com/docs/api-reference/embeddings
 */
import { Buffer } from 'node:buffer';
import { JsonWriter } from '../../../codec/json/json-writer.ts';
import type { Steps } from '../../../core/in-slices.ts';
import type { TensorMap } from '../../../core/tensor.ts';
import { TEXT_OUTPUTS, TOKEN_COUNT_OUTPUT } from '../../text/exported/text-model.ts';
import { floatsOf, tokensIn, writeText } from '../answer-parts.ts';
import { booleanIn, countIn, type Fields, type JsonValue, textIn, textsIn, wordIn, wrongField } from '../text-body.ts';
import type { TextRequest } from '../text-call.ts';
import type { ChooseModel, TextApi } from '../text-method.ts';

const FORMATS = ['float', 'base64'] as const;

export const EMBEDDINGS: TextApi = {
  keys: ['model', 'input', 'encoding_format', 'dimensions', 'user', 'prompt_name', 'truncate'],
  form: '{"model": "…", "input": "…"}',
  request: embeddingsRequest,
};

function embeddingsRequest(fields: Fields, chosen: ChooseModel): TextRequest {
  const texts = inputIn(fields);
  const dimensions = countIn(fields, 'dimensions');
  const prompt = textIn(fields, 'prompt_name');
  const truncate = booleanIn(fields, 'truncate') ?? false;
  textIn(fields, 'user');
  const format = wordIn(fields, 'encoding_format', FORMATS) ?? 'float';
  return {
    model: chosen('embedding'),
    task: 'embedding',
    outputs: [TEXT_OUTPUTS.embedding.embedding, TOKEN_COUNT_OUTPUT],
    inputs: () => ({ texts, dimensions, prompt, truncate }),
    answer: (outputs, { served }) => embeddingsAnswer(outputs, format, served.name),
  };
}

/** A text or several; or the tokens of one or of several. */
function inputIn(fields: Fields): readonly string[] | readonly Int32Array[] {
  const input = fields.get('input');
  if (typeof input === 'string') return [input];
  if (!Array.isArray(input)) return textsIn(fields, 'input');
  const [first] = input as readonly JsonValue[];
  if (typeof first === 'number') return [tokensOf(input)];
  return Array.isArray(first) ? (input as readonly JsonValue[]).map(tokensOf) : textsIn(fields, 'input');
}

const MOST_ID = 2 ** 31 - 1;

function tokensOf(list: JsonValue): Int32Array {
  const isToken = (id: JsonValue): boolean => Number.isInteger(id) && Number(id) >= 0 && Number(id) <= MOST_ID;
  if (Array.isArray(list) && list.length > 0 && list.every(isToken)) return Int32Array.from(list as number[]);
  throw wrongField(
    'input',
    'a list of tokens has none, or something that is no token’s id; send whole numbers from 0 on',
  );
}

function* embeddingsAnswer(outputs: TensorMap, format: (typeof FORMATS)[number], model: string): Steps<Buffer> {
  const name = TEXT_OUTPUTS.embedding.embedding;
  const numbers = floatsOf(outputs, name);
  const [rows, width] = outputs.get(name)!.shape as readonly [number, number];
  const tokens = tokensIn(outputs);
  const writer = new JsonWriter();
  writer.ascii('{"object":"list","data":[');
  for (let row = 0; row < rows; row++) {
    writer.ascii(`${row === 0 ? '' : ','}{"object":"embedding","index":${row},"embedding":`);
    const start = row * width;
    if (format === 'base64') writer.ascii(`"${base64Of(numbers.subarray(start, start + width))}"`);
    else {
      writer.ascii('[');
      writer.float32s(numbers, start, start + width);
      writer.ascii(']');
    }
    writer.ascii('}');
    yield;
  }
  writer.ascii('],"model":');
  writeText(writer, model);
  writer.ascii(`,"usage":{"prompt_tokens":${tokens},"total_tokens":${tokens}}}`);
  return writer.take();
}

/** Little-endian float32. */
function base64Of({ buffer, byteOffset, byteLength }: Float32Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}
