/**
 * Reads of a PredictRequest only which model and signature it asks, for a request that may be refused unread.
 *
 *   message   ▓ model_spec ▓│ inputs … │ inputs … │      compared with the last ones; inputs are stepped over
 */
import type { ModelSpec } from '../../core/model-spec.ts';
import { lengthDelimited, WireReader } from '../protobuf/wire-reader.ts';
import { readModelSpec } from './model-spec-codec.ts';

const MODEL_SPEC = lengthDelimited(1);
const INPUTS = lengthDelimited(2);
/** Specs of one byte of length: names of up to a hundred letters. */
const MAX_SPEC_BYTES = 127;
const HEAD_BYTES = 2;

/** Belongs to one reader of requests, whose clients mostly ask the same. */
export class PredictPeek {
  /** The first bytes of the last message: a tag, a length and the spec that they say. */
  #known = new Uint8Array(0);
  #spec: ModelSpec | undefined;

  /**
   * The model_spec of a message that has one, as its first field, and else nothing but inputs; undefined of any other,
   * as of one that cannot be read. The tensors are not looked at.
   */
  read(message: Uint8Array): ModelSpec | undefined {
    const end = HEAD_BYTES + (message[1] ?? 0);
    if (message[0] !== MODEL_SPEC || end > HEAD_BYTES + MAX_SPEC_BYTES || end > message.length) return undefined;
    if (!hasOnlyInputs(message, end)) return undefined;
    if (!startsWith(message, this.#known, end)) {
      this.#spec = parse(message.subarray(0, end));
      this.#known = message.slice(0, end);
    }
    return this.#spec;
  }
}

function startsWith(message: Uint8Array, known: Uint8Array, end: number): boolean {
  if (known.length !== end) return false;
  for (let i = end - 1; i >= 0; i--) if (message[i] !== known[i]) return false;
  return true;
}

function parse(field: Uint8Array): ModelSpec | undefined {
  try {
    const reader = new WireReader(field, 'PredictRequest');
    reader.next();
    return readModelSpec(reader, undefined);
  } catch {
    return undefined;
  }
}

/** True if there are whole fields from `start` on, all of them inputs. */
function hasOnlyInputs(message: Uint8Array, start: number): boolean {
  let at = start;
  while (at < message.length) {
    if (message[at++] !== INPUTS) return false;
    let length = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at++];
      if (byte === undefined || factor > 2 ** 28) return false;
      length += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
    }
    at += length;
  }
  return at === message.length;
}
