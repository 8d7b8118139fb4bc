/**
 * Outputs → the answer of a generate request: each output under its name, one element as it is, more as a flat list.
 *
 *   {"id":"…","model_name":"m","model_version":"1","text":"hi","scores":[0.5,0.25]}
 *
 * As an event: the same behind `data: `, and an empty line.
 */
import { Buffer } from 'node:buffer';
import { numbersOf, writeElements } from '../../codec/json/json-elements-writer.ts';
import { JsonWriter } from '../../codec/json/json-writer.ts';
import { DATATYPES } from '../../codec/open-inference/datatypes.ts';
import { hasNoJsonForm } from '../../codec/open-inference/rest/infer-answer-writer.ts';
import type { Steps } from '../../core/in-slices.ts';
import { elementCount } from '../../core/shape.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import type { Inferred } from '../open-inference/exported/extension.ts';

const STEP_ELEMENTS = 4096;

/** Throws `invalid_request` for an output that JSON has no form for. */
export function* generateAnswer(call: Inferred, outputs: TensorMap, isStreamed: boolean): Steps<Buffer> {
  const { id, modelName, modelVersion } = call;
  const writer = new JsonWriter();
  const text = (value: string): void => writer.string(Buffer.from(value, 'utf8'));
  writer.ascii(isStreamed ? 'data: {' : '{');
  if (id !== '') {
    writer.ascii('"id":');
    text(id);
    writer.ascii(',');
  }
  writer.ascii('"model_name":');
  text(modelName);
  writer.ascii(',"model_version":');
  text(modelVersion);
  for (const [name, tensor] of outputs) {
    writer.ascii(',');
    text(name);
    writer.ascii(':');
    yield* writeValues(writer, name, tensor);
  }
  writer.ascii(isStreamed ? '}\n\n' : '}');
  return writer.take();
}

function* writeValues(writer: JsonWriter, name: string, tensor: Tensor): Steps<void> {
  const { dtype, shape } = tensor;
  if (dtype === 'float16' || dtype === 'bfloat16') throw hasNoJsonForm(name, DATATYPES[dtype]);
  const count = elementCount(shape);
  const values = { tensor, numbers: numbersOf(tensor), isBase64: false };
  if (count !== 1) writer.ascii('[');
  for (let at = 0; at < count; at += STEP_ELEMENTS) {
    if (at > 0) writer.ascii(',');
    writeElements(writer, values, at, Math.min(count, at + STEP_ELEMENTS));
    yield;
  }
  if (count !== 1) writer.ascii(']');
}
