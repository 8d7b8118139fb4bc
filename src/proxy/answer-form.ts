import type { Buffer } from 'node:buffer';
import type { ServingError } from '../core/errors.ts';

/** How a method's answer looks to HTTP, once it is encoded. */
export interface AnswerForm {
  readonly contentType: string;
  /** Further headers: names and values in turn. */
  readonly headers: readonly string[];
  /** The content codings that its clients can read, whatever they accept. Default: all of the transport. */
  readonly codings?: readonly string[];
  /** The body of an error, in JSON. Default: {"error": "<text>"}, as in TensorFlow Serving. */
  readonly errorBody?: (error: ServingError) => Buffer;
}
