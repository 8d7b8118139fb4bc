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
import { booleanIn, countIn, type Fields, textIn, textsIn, wordIn, wrongField } from '../text-body.ts';
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

function inputIn(fields: Fields): readonly string[] {
  const input = fields.get('input');
  if (typeof input === 'string') return [input];
  if (Array.isArray(input) && input.length > 0 && input.every((each) => typeof each !== 'string')) {
    throw wrongField(
      'input',
      '"input" has tokens, and texts are wanted: send strings, which the model’s own tokenizer reads',
    );
  }
  return textsIn(fields, 'input');
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
