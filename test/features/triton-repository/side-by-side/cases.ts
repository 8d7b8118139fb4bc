/**
 * Requests with the answers that Triton gave: those that were recorded from it (test/golden/triton), and those that
 * follow from the protocol's rules.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** JSON's values; a number that a double cannot hold is a text (see `readJson`). */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface HttpStep {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly body_b64?: string;
}

/** A request that is written to the socket as it is. */
export interface RawStep {
  readonly raw_b64: string;
}

/** A gRPC call; `requests`: those of a stream. */
export interface GrpcStep {
  readonly rpc: string;
  readonly request?: Json;
  readonly requests?: readonly Json[];
  readonly compression?: string;
  readonly metadata?: Json;
}

export type Step = HttpStep | RawStep | GrpcStep;

/** An answer to a step. The last answer of a case with shared memory is the file's content. */
export interface StepAnswer {
  /** HTTP; null: the connection was closed without an answer. */
  readonly status?: number | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: Json;
  readonly text?: string;
  /** Base64: what is behind the JSON. */
  readonly tail?: string;
  /** gRPC: the status by name. */
  readonly code?: string;
  readonly details?: string;
  readonly message?: Json;
  readonly stream?: readonly Json[];
  /** Base64. */
  readonly file?: string;
}

export interface Case {
  readonly id: string;
  readonly steps: readonly Step[];
  readonly triton: readonly StepAnswer[];
}

export function recordedCases(): readonly Case[] {
  return readJson(gunzipSync(readFileSync('test/golden/triton/answers.json.gz')).toString()) as unknown as Case[];
}

const TOKENS = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;

/** JSON with NaN and infinities. They, and integers that a double may not hold, become texts that begin with '#'. */
export function readJson(text: string): Json {
  return JSON.parse(text.replace(TOKENS, exactToken)) as Json;
}

function exactToken(token: string): string {
  const first = token.charCodeAt(0);
  if (first === 0x22) return token;
  const isExact = /^-?\d{1,15}$|[.eE]/.test(token) && Number.isFinite(Number(token));
  return isExact ? token : `"#${token}"`;
}
