/**
 * A scanned predict body and the signature that it names → input tensors by name, with TensorFlow Serving's rules:
 *
 * - row format, `instances`: a list of one element or more, each one row. If the first is an object (and no `{"b64":
 *   …}`), all are, and each has exactly the signature's inputs as keys; else they are values or lists for its one
 *   input. All rows have one shape; the tensor's is [rows, ...shape].
 * - columnar format, `inputs`: an object maps names to tensors of any rank; anything else is the tensor of the one
 *   input.
 *
 * Unlike TensorFlow Serving, an unknown name in columnar `inputs` is an error, as in every other form. Which names are
 * missing, and whether shapes fit the model, is checked afterwards, for all surfaces alike (handlers/check-inputs).
 */
import { ServingError } from '../../core/errors.ts';
import { listNames, quoteName } from '../../core/list-names.ts';
import type { Signature, TensorSpec } from '../../core/signature.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import { gridTensor } from './grid-tensor.ts';
import type { JsonMember, JsonValue, PredictBody, PredictBodyScanner } from './json-body.ts';
import { CLOSE_ARRAY, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from './json-chars.ts';
import { base64Member, kindOf } from './json-element.ts';
import { readRowObjects } from './json-rows.ts';
import { TensorReader } from './json-tensor-reader.ts';

/** How the answer is laid out: as the request was. */
export type PredictFormat = 'row' | 'columnar';

/** Throws `invalid_request`, or `too_large` for too many strings. */
export function predictFormat(body: PredictBody): PredictFormat {
  if (body.instances === undefined && body.inputs === undefined) {
    throw invalid('the body has neither "instances" (one value a row) nor "inputs" (whole tensors); send one of them');
  }
  if (body.instances !== undefined && body.inputs !== undefined) {
    throw invalid('the body has both "instances" and "inputs"; send only one of them');
  }
  return body.instances === undefined ? 'columnar' : 'row';
}

/** The body is the one that `scanner` scanned last. Throws as `predictFormat` does. */
export function readInputs(scanner: PredictBodyScanner, body: PredictBody, signature: Signature): TensorMap {
  const format = predictFormat(body);
  if (signature.inputs.size === 0) throw invalid('the signature has no inputs; name another one in "signature_name"');
  return format === 'row'
    ? readRows(scanner, body.instances!, signature)
    : readColumns(scanner, body.inputs!, signature);
}

function readRows(scanner: PredictBodyScanner, value: JsonValue, signature: Signature): TensorMap {
  const { cursor } = scanner;
  cursor.at = value.at;
  if (cursor.bytes[value.at] !== OPEN_ARRAY) {
    throw invalid(`"instances" is ${kindOf(cursor)}; send a list with one element a row`);
  }
  cursor.at++;
  const first = cursor.skipSpace();
  if (first === CLOSE_ARRAY) throw invalid('"instances" is empty; send at least one row');
  if (first === OPEN_OBJECT && !isBase64(scanner, cursor.at)) return readRowObjects(cursor, signature);
  const [name, spec] = onlyInput(signature, '"instances"', 'a list of objects, each with these keys');
  return new Map([[name, readTensor(scanner, value, name, spec, 'instances')]]);
}

function readColumns(scanner: PredictBodyScanner, value: JsonValue, signature: Signature): TensorMap {
  const { members } = value;
  if (members === undefined || isBase64(scanner, value.at, members)) {
    const [name, spec] = onlyInput(signature, '"inputs"', 'an object with these keys');
    return new Map([[name, readTensor(scanner, value, name, spec, 'inputs')]]);
  }
  const tensors = new Map<string, Tensor>();
  for (const member of members) {
    const { name } = member;
    const spec = signature.inputs.get(name);
    if (spec === undefined) {
      throw invalid(
        `"inputs" has the key ${quoteName(name)}, but the signature's inputs are ${listNames(signature.inputs.keys())}; leave it out or rename it`,
      );
    }
    if (tensors.has(name)) throw invalid(`"inputs" has the key ${quoteName(name)} twice; send each input once`);
    tensors.set(name, readTensor(scanner, member.value, name, spec, `inputs.${name}`));
  }
  return tensors;
}

function readTensor(
  scanner: PredictBodyScanner,
  value: JsonValue,
  name: string,
  spec: TensorSpec,
  path: string,
): Tensor {
  const grid = value.grid && gridTensor(value.grid, scanner.numbers, spec.dtype);
  if (grid !== undefined) return grid;
  scanner.cursor.at = value.at;
  const reader = new TensorReader(scanner.cursor, name, spec);
  reader.read(path);
  return reader.tensor([]);
}

/** `{"b64": "…"}` is a value, not a map of names. */
function isBase64(scanner: PredictBodyScanner, at: number, members?: readonly JsonMember[]): boolean {
  const { cursor } = scanner;
  if (members !== undefined) {
    return members.length === 1 && members[0]!.name === 'b64' && cursor.bytes[members[0]!.value.at] === QUOTE;
  }
  cursor.at = at;
  return base64Member(cursor) !== undefined;
}

function onlyInput(signature: Signature, key: string, want: string): [string, TensorSpec] {
  if (signature.inputs.size > 1) {
    throw invalid(
      `${key} holds plain values, but the signature has several inputs: ${listNames(signature.inputs.keys())}; send ${want}`,
    );
  }
  for (const entry of signature.inputs) return entry;
  throw new Error('a signature without inputs was refused before');
}

function invalid(message: string): ServingError {
  return new ServingError('invalid_request', message);
}
