/** Holds an answer against Triton's: the same, the same but for the words of an error, or another. */
import { isDeepStrictEqual } from 'node:util';
import type { Case, Json, StepAnswer } from './cases.ts';

export type Verdict = 'same' | 'wording' | 'other';

export function compare({ triton }: Case, ours: readonly StepAnswer[]): Verdict {
  const verdicts = triton.map((answer, i) => compareStep(answer, ours[i] ?? {}));
  return (['other', 'wording'] as const).find((verdict) => verdicts.includes(verdict)) ?? 'same';
}

function compareStep(triton: StepAnswer, ours: StepAnswer): Verdict {
  const [a, b] = [plain(triton), plain(ours)];
  if (isDeepStrictEqual(a, b)) return 'same';
  return isDeepStrictEqual(withoutWords(a), withoutWords(b)) ? 'wording' : 'other';
}

/** What a client can tell apart. */
function plain(answer: StepAnswer): StepAnswer {
  const { headers, json, message, stream, ...rest } = answer;
  const isBinary = headers?.['inference-header-content-length'] !== undefined;
  return {
    ...rest,
    ...(headers && { headers: { isBinary: String(isBinary), coding: headers['content-encoding'] ?? '' } }),
    ...(json !== undefined && { json: plainJson(json) }),
    ...(message !== undefined && { message: plainJson(message) }),
    ...(stream !== undefined && { stream: byId(stream.map(plainJson)) }),
  };
}

/** Answers of a stream come in any order. */
function byId(stream: readonly Json[]): readonly Json[] {
  return [...stream].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** Times and counts of what ran before, and lists of it. */
const MEASURED = new Set(['ns', 'last_inference', 'count', 'inference_count', 'execution_count', 'batch_stats']);

function plainJson(value: Json): Json {
  if (Array.isArray(value)) return value.map(plainJson);
  if (value === null || typeof value !== 'object') return singles(value);
  const entry = value as { readonly [key: string]: Json };
  return Object.fromEntries(
    Object.entries(entry).flatMap(([key, each]) => {
      if (MEASURED.has(key)) return [[key, 0]];
      if (key === 'data') return [[key, entry['datatype'] === 'FP32' ? singles(each) : each]];
      return [[key, plainJson(each)]];
    }),
  );
}

/** Triton writes a float32 with the digits of a double. */
function singles(value: Json): Json {
  if (Array.isArray(value)) return value.map(singles);
  return typeof value === 'number' ? Math.fround(value) : value;
}

function withoutWords(answer: StepAnswer): StepAnswer {
  const { details, json, message, stream, ...rest } = answer;
  return {
    ...rest,
    ...(json !== undefined && { json: withoutReasons(json) }),
    ...(message !== undefined && { message: withoutReasons(message) }),
    ...(details !== undefined && { details: '' }),
    ...(stream && {
      stream: byId(
        stream.map((each) => (isRecord(each) && 'error_message' in each ? { ...each, error_message: '' } : each)),
      ),
    }),
  };
}

/** Errors, and why a model of the index is not ready. */
function withoutReasons(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutReasons);
  if (!isRecord(value)) return value;
  const isText = (key: string, each: Json): boolean =>
    (key === 'error' || key === 'reason') && typeof each === 'string';
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, isText(key, each) ? '' : withoutReasons(each)]),
  );
}

function isRecord(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
