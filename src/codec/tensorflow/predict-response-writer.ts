/**
 * Outputs → PredictResponse (tensorflow_serving/apis/predict.proto): one buffer of exactly the answer's size.
 */
import { Buffer } from 'node:buffer';
import type { ResolvedModelSpec } from '../../core/model-spec.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { lengthDelimitedSize, WireWriter } from '../protobuf/wire-writer.ts';
import { FewLayouts } from './few-layouts.ts';
import { encodeModelSpec } from './model-spec-codec.ts';
import { type OutputPlace, PredictResponseLayout } from './predict-response-layout.ts';
import { VALUE_FIELDS } from './tensor-proto/tensor-fields.ts';
import { measureTensor, type TensorMeasure, writeTensor } from './tensor-proto/tensor-proto-writer.ts';

const OUTPUTS = 1;
const MODEL_SPEC = 2;
const MAP_KEY = 1;
const MAP_VALUE = 2;

interface OutputMeasure {
  readonly keySize: number;
  readonly entrySize: number;
  readonly tensor: TensorMeasure;
}

/** Writes the answers of one service, and knows the layouts of the latest. */
export class PredictResponseWriter {
  readonly #asContent: boolean;
  readonly #layouts = new FewLayouts<PredictResponseLayout>();

  /** @param asContent elements in tensor_content instead of the typed *_val fields */
  constructor(asContent: boolean) {
    this.#asContent = asContent;
  }

  /** @param room bytes left free in front of the message */
  write(spec: ResolvedModelSpec, outputs: TensorMap, room = 0): Uint8Array {
    const { known } = this.#layouts;
    for (let i = 0; i < known.length; i++) if (known[i]!.fits(spec, outputs)) return known[i]!.write(outputs, room);
    if (!this.#layouts.isToLearn() || !this.#haveLayout(outputs))
      return writeResponse(spec, outputs, this.#asContent, room);
    const places: OutputPlace[] = [];
    const buffer = writeResponse(spec, outputs, this.#asContent, room, places);
    const layout = PredictResponseLayout.of(spec, buffer.subarray(room), places);
    if (layout !== undefined) this.#layouts.add(layout);
    return buffer;
  }

  /** Do all elements stand in the message as they are? */
  #haveLayout(outputs: TensorMap): boolean {
    for (const { dtype } of outputs.values()) {
      if (dtype === 'string' || (!this.#asContent && VALUE_FIELDS[dtype].encoding !== 'fixed')) return false;
    }
    return true;
  }
}

/** @param places where the outputs' elements stand, to be filled in */
function writeResponse(
  spec: ResolvedModelSpec,
  outputs: TensorMap,
  asContent: boolean,
  room: number,
  places?: OutputPlace[],
): Uint8Array {
  const measures: OutputMeasure[] = [];
  const encodedSpec = encodeModelSpec(spec);
  let size = lengthDelimitedSize(MODEL_SPEC, encodedSpec.length);
  for (const [name, tensor] of outputs) {
    const keySize = Buffer.byteLength(name);
    const measure = measureTensor(tensor, asContent);
    const entrySize = lengthDelimitedSize(MAP_KEY, keySize) + lengthDelimitedSize(MAP_VALUE, measure.size);
    size += lengthDelimitedSize(OUTPUTS, entrySize);
    measures.push({ keySize, entrySize, tensor: measure });
  }
  const writer = new WireWriter(size, room);
  let index = 0;
  for (const [name, tensor] of outputs) {
    const { keySize, entrySize, tensor: measure } = measures[index++]!;
    writer.head(OUTPUTS, entrySize);
    writer.head(MAP_KEY, keySize);
    writer.text(name, keySize);
    writer.head(MAP_VALUE, measure.size);
    writeTensor(writer, tensor, measure, asContent);
    const { payloadSize: byteLength } = measure;
    places?.push({
      name,
      dtype: tensor.dtype,
      shape: tensor.shape,
      start: writer.position - room - byteLength,
      byteLength,
    });
  }
  writer.head(MODEL_SPEC, encodedSpec.length);
  writer.bytes(encodedSpec);
  return writer.buffer;
}
