/**
 * text-embeddings-inference's /tokenize: {"inputs": "ab"} ─▶ [[{"id": 7, "text": "ab", "special": false, "start": 0,
 * "stop": 2}]]. Places are bytes of the text in UTF-8, as there. It runs no model. A text with more tokens than the model takes is refused.
 */
import { Buffer } from 'node:buffer';
import { invalidRequest, ServingError } from '../../../core/errors.ts';
import { inSlices, type Steps } from '../../../core/in-slices.ts';
import type { ModelSpec } from '../../../core/model-spec.ts';
import type { ServableHandle } from '../../../models/serving/servable.ts';
import type { Call } from '../../../proxy/call.ts';
import type { Method } from '../../../proxy/exchange.ts';
import { type ModelResolver, nameRefused } from '../../../proxy/handlers/model-resolver.ts';
import type { RequestContext } from '../../../proxy/request-context.ts';
import {
  type Encoded,
  TEXT_MODEL,
  TEXT_TASKS,
  type TextModel,
  type TokenizerUser,
} from '../../text/exported/text-model.ts';
import { booleanIn, type Fields, textIn } from '../text-body.ts';
import { readThen, type SoleModel } from '../text-method.ts';
import { inputsIn } from './embed.ts';

interface Tokenized {
  readonly texts: readonly string[];
  readonly encoded: readonly Encoded[];
  /** The texts of special tokens, by id. */
  readonly special: ReadonlyMap<number, string>;
}

const BODY = { keys: ['inputs', 'model', 'add_special_tokens', 'prompt_name'], form: '{"inputs": "…"}' };

export function tokenizeMethod(resolver: ModelResolver, sole: SoleModel): Method<Buffer, Tokenized> {
  const callOf = (fields: Fields, path: ModelSpec, context: RequestContext): Call<Tokenized> => {
    const named = path.name === '' ? textIn(fields, 'model') : path.name;
    const texts = inputsIn(fields);
    const addsSpecialTokens = booleanIn(fields, 'add_special_tokens') ?? true;
    const spec = named === undefined ? sole(TEXT_TASKS, context) : { ...path, name: named };
    return tokenizeCall(resolver, { spec, texts, addsSpecialTokens, prompt: textIn(fields, 'prompt_name') }, context);
  };
  return {
    name: 'Tokenize',
    access: 'predict',
    decode: (body, path, context) => readThen(body, BODY, (fields) => callOf(fields, path, context)),
    encode: (tokenized) => inSlices(tokensAnswer(tokenized)),
  };
}

interface TokenizeRequest {
  readonly spec: ModelSpec;
  readonly texts: readonly string[];
  readonly addsSpecialTokens: boolean;
  readonly prompt: string | undefined;
}

/** The version is borrowed until its tokenizer has answered. */
function tokenizeCall({ models }: ModelResolver, request: TokenizeRequest, context: RequestContext): Call<Tokenized> {
  const { spec, texts, addsSpecialTokens, prompt } = request;
  let handle: ServableHandle | undefined;
  const release = (): void => handle?.release();
  return {
    authorize: (permit) => permit.permit(spec.name),
    resolve: () => {
      try {
        handle = models.acquire(spec.name, spec);
      } catch (error) {
        nameRefused(context, models, spec.name);
        throw error;
      }
      context.model = handle.servable.name;
      context.version = handle.servable.version.toString();
    },
    check: () => undefined,
    submit: async () => {
      try {
        const model = textModelOf(handle!);
        const before = prompt === undefined ? '' : promptOf(model, prompt);
        const rows = texts.map((text) => ({ text: before + text }));
        checkLimits(model, rows);
        const encoded = await model.tokenize(rows, { hasOffsets: true, addsSpecialTokens }, context);
        checkWhole(model, encoded);
        const special = await specialTexts(model, encoded, context);
        return { texts: rows.map(({ text }) => text), encoded, special };
      } finally {
        release();
      }
    },
    abandon: release,
  };
}

function textModelOf({ servable }: ServableHandle): TextModel {
  const model = servable.facts.get(TEXT_MODEL);
  if (model === undefined) throw invalidRequest(`model "${servable.name}" takes no texts, so it has no tokenizer`);
  return model;
}

function promptOf({ prompts }: TextModel, name: string): string {
  const prompt = prompts.get(name);
  if (prompt !== undefined) return prompt;
  throw invalidRequest(`the model has no such prompt; it has: ${[...prompts.keys()].join(', ') || 'none'}`);
}

/** UTF-16 units are counted, of which no text has fewer than characters. */
function checkLimits({ limits }: TextModel, rows: readonly { readonly text: string }[]): void {
  const most = rows.reduce((longest, { text }) => Math.max(longest, text.length), 0);
  const all = rows.reduce((sum, { text }) => sum + text.length, 0);
  const { texts, charactersPerText, characters } = limits;
  if (rows.length <= texts && most <= charactersPerText && all <= characters) return;
  const sent = `${rows.length} texts, the longest of ${most} characters, of ${all} in all`;
  throw new ServingError(
    'too_large',
    `there are ${sent}; the most are ${texts}, ${charactersPerText} and ${characters}`,
  );
}

async function specialTexts(
  model: TextModel,
  encoded: readonly Encoded[],
  user: TokenizerUser,
): Promise<ReadonlyMap<number, string>> {
  const ids = new Set(encoded.flatMap(({ ids: all, special }) => [...all.filter((_, i) => special[i] === 1)]));
  if (ids.size === 0) return new Map();
  const texts = await model.decode(
    Array.from(ids, (id) => Int32Array.of(id)),
    user,
  );
  return new Map(Array.from(ids, (id, i) => [id, texts[i]!]));
}

function checkWhole({ maxTokens }: TextModel, encoded: readonly Encoded[]): void {
  const at = encoded.findIndex(({ cutAt }) => cutAt !== -1);
  if (at === -1) return;
  throw invalidRequest(
    `text ${at} has more than ${maxTokens} tokens, which is all that the model takes; send less of it`,
  );
}

function* tokensAnswer({ texts, encoded, special }: Tokenized): Steps<Buffer> {
  const lists: string[] = [];
  for (const [i, tokens] of encoded.entries()) {
    lists.push(JSON.stringify(tokensOf(texts[i]!, tokens, special)));
    yield;
  }
  return Buffer.from(`[${lists.join(',')}]`);
}

/** A special token that the tokenizer adds stands nowhere in the text. */
function tokensOf(
  text: string,
  { ids, special, offsets }: Encoded,
  specialTexts: Tokenized['special'],
): readonly object[] {
  const starts = startsOf(text);
  const bytes = Buffer.from(text);
  return Array.from(ids, (id, i) => {
    if (special[i] === 1) return { id, text: specialTexts.get(id), special: true, start: null, stop: null };
    const [start, stop] = [starts[offsets[2 * i]!]!, starts[offsets[2 * i + 1]!]!];
    return { id, text: bytes.toString('utf8', start, stop), special: false, start, stop };
  });
}

/** The start of each code point of a text, in bytes of UTF-8; behind the last one its end. */
function startsOf(text: string): readonly number[] {
  const starts: number[] = [0];
  let at = 0;
  for (const point of text) {
    at += Buffer.byteLength(point);
    starts.push(at);
  }
  return starts;
}
