/**
 * ClassificationResponse, RegressionResponse and MultiInferenceResponse. An empty label and a score of 0 are proto3's
 * default values and are left out.
 */

import { WIRE_FIXED32 } from '../../codec/protobuf/wire-reader.ts';
import { lengthDelimitedSize, messageField, messageWithRoom, WireWriter } from '../../codec/protobuf/wire-writer.ts';
import { encodeModelSpec } from '../../codec/tensorflow/model-spec-codec.ts';
import { wordsOf } from '../../core/tensor.ts';
import type { Classifications, Classified, InferenceResult, Regressed, Regressions } from './inference-results.ts';

/** ClassificationResponse and RegressionResponse {1 result, 2 model_spec}. */
const RESULT = 1;
const MODEL_SPEC = 2;

/**
 * ClassificationResult {1 classifications {1 classes {1 label, 2 score}}}; RegressionResult {1 regressions {1 value}}.
 */
const ROW = 1;
const CLASS = 1;
const LABEL = 1;
const SCORE = 2;
const VALUE = 1;

/** MultiInferenceResponse {1 results {1 model_spec, 2 classification_result, 3 regression_result}}. */
const RESULTS = 1;
const RESULT_MODEL_SPEC = 1;
const RESULT_OF = { classification: 2, regression: 3 } as const;

/** A field of a float: a tag and a fixed32. */
const FLOAT_FIELD_BYTES = 5;

/** @param room bytes left free in front of the message, here and below */
export function writeClassificationResponse({ modelSpec, result }: Classified, room = 0): Uint8Array {
  const spec = encodeModelSpec(modelSpec);
  return messageWithRoom(room, [messageField(RESULT, classificationResult(result)), messageField(MODEL_SPEC, spec)]);
}

export function writeRegressionResponse({ modelSpec, result }: Regressed, room = 0): Uint8Array {
  const spec = encodeModelSpec(modelSpec);
  return messageWithRoom(room, [messageField(RESULT, regressionResult(result)), messageField(MODEL_SPEC, spec)]);
}

export function writeMultiInferenceResponse(results: readonly InferenceResult[], room = 0): Uint8Array {
  const fields = results.map(({ modelSpec, result }) => {
    const spec = messageField(RESULT_MODEL_SPEC, encodeModelSpec(modelSpec));
    const bytes = result.kind === 'classification' ? classificationResult(result) : regressionResult(result);
    return messageField(RESULTS, messageWithRoom(0, [spec, messageField(RESULT_OF[result.kind], bytes)]));
  });
  return messageWithRoom(room, fields);
}

function classificationResult({ rows, columns, classes, scores }: Classifications): Uint8Array {
  const labels = classes?.data;
  const bits = scores && wordsOf(scores.data);
  const classSize = (i: number): number => {
    const length = labels?.[i]?.length ?? 0;
    return (length === 0 ? 0 : lengthDelimitedSize(LABEL, length)) + ((bits?.[i] ?? 0) === 0 ? 0 : FLOAT_FIELD_BYTES);
  };
  const rowSizes: number[] = [];
  let size = 0;
  for (let row = 0; row < rows; row++) {
    let rowSize = 0;
    for (let i = row * columns; i < (row + 1) * columns; i++) rowSize += lengthDelimitedSize(CLASS, classSize(i));
    rowSizes.push(rowSize);
    size += lengthDelimitedSize(ROW, rowSize);
  }
  const writer = new WireWriter(size);
  for (let row = 0; row < rows; row++) {
    writer.head(ROW, rowSizes[row]!);
    for (let i = row * columns; i < (row + 1) * columns; i++) {
      writer.head(CLASS, classSize(i));
      if (labels !== undefined && labels[i]!.length > 0) {
        writer.head(LABEL, labels[i]!.length);
        writer.bytes(labels[i]!);
      }
      if (bits !== undefined) writeFloat(writer, SCORE, bits[i]!);
    }
  }
  return writer.buffer;
}

function regressionResult({ rows, values }: Regressions): Uint8Array {
  const bits = wordsOf(values.data);
  const valueSize = (i: number): number => (bits[i] === 0 ? 0 : FLOAT_FIELD_BYTES);
  let size = 0;
  for (let i = 0; i < rows; i++) size += lengthDelimitedSize(ROW, valueSize(i));
  const writer = new WireWriter(size);
  for (let i = 0; i < rows; i++) {
    writer.head(ROW, valueSize(i));
    writeFloat(writer, VALUE, bits[i]!);
  }
  return writer.buffer;
}

/** `bits` is the float's pattern; 0 is left out. */
function writeFloat(writer: WireWriter, field: number, bits: number): void {
  if (bits === 0) return;
  writer.varint((field << 3) | WIRE_FIXED32);
  writer.position = writer.buffer.writeUInt32LE(bits, writer.position);
}
