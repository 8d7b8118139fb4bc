/**
 * Errors as OpenAI's API has them: {"error": {"message", "type", "param", "code"}}. The status is the kernel's.
 *
 * https://platform.openai.com/docs/guides/error-codes
 */
import { Buffer } from 'node:buffer';
import type { ErrorKind, ServingError } from '../../../core/errors.ts';

const CODES: Readonly<Partial<Record<ErrorKind, string>>> = {
  unauthenticated: 'invalid_api_key',
  model_not_found: 'model_not_found',
  overloaded: 'rate_limit_exceeded',
  insufficient_memory: 'rate_limit_exceeded',
  too_large: 'request_too_large',
  deadline_exceeded: 'timeout',
};

const FIRST_SERVER_FAULT = 500;
const TOO_MANY = 429;

export function openAiError(error: ServingError): Buffer {
  const { kind, message, attributes, row } = error;
  const param = attributes?.['field'] ?? (kind === 'model_not_found' ? 'model' : null);
  const code = CODES[kind] ?? null;
  return Buffer.from(JSON.stringify({ error: { message, type: typeOf(row.http), param, code } }));
}

function typeOf(status: number): string {
  if (status >= FIRST_SERVER_FAULT) return 'server_error';
  return status === TOO_MANY ? 'rate_limit_error' : 'invalid_request_error';
}
