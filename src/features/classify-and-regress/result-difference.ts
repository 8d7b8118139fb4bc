/**
 * Compares the answer of a Classify, Regress or MultiInference with the recorded one. Labels must have equal bytes and
 * the same order; scores and values may differ as golden-answer.ts allows for float32.
 */
import { Buffer } from 'node:buffer';
import type { LabelledScore, RecordedResult } from '../../codec/tensorflow/inference-response-reader.ts';
import { quoteName } from '../../core/list-names.ts';
import { elements, type NumericTensor, numericTensor, stringTensor } from '../../core/tensor.ts';
import { float32sAgree, showBytes } from '../../proxy/records/golden-answer.ts';
import type { Classifications, InferenceResult, Regressions } from './inference-results.ts';

const NO_LABEL = new Uint8Array(0);

/** The first difference, with example and class (counted from 0) and both values; undefined if there is none. */
export function resultDifference(got: Classifications | Regressions, recorded: RecordedResult): string | undefined {
  if (got.kind !== recorded.kind) return `is a ${got.kind}, but a ${recorded.kind} was recorded`;
  if (got.rows !== recorded.rows.length) {
    return `is of ${got.rows} examples, but of ${recorded.rows.length} was recorded`;
  }
  if (recorded.kind === 'regression') return valuesDifference(got as Regressions, recorded.rows);
  return classesDifference(got as Classifications, recorded.rows);
}

/** A recorded answer in the form of a new one, so that two recorded ones can be compared. */
export function resultOf(recorded: RecordedResult): Classifications | Regressions {
  const { length } = recorded.rows;
  if (recorded.kind === 'regression') {
    return {
      kind: 'regression',
      rows: length,
      values: numericTensor('float32', [length], Float32Array.from(recorded.rows)),
    };
  }
  const columns = recorded.rows[0]?.length ?? 0;
  const all = recorded.rows.flat();
  return {
    kind: 'classification',
    rows: length,
    columns,
    classes: stringTensor(
      [length, columns],
      all.map(({ label }) => label),
    ),
    scores: numericTensor(
      'float32',
      [length, columns],
      Float32Array.from(all, ({ score }) => score),
    ),
  };
}

/** The first difference between the tasks of a MultiInference, in their order; undefined if there is none. */
export function resultsDifference(
  got: readonly InferenceResult[],
  recorded: readonly (RecordedResult | undefined)[],
): string | undefined {
  if (got.length !== recorded.length) {
    return `the answer has ${got.length} results, but ${recorded.length} were recorded`;
  }
  for (let i = 0; i < got.length; i++) {
    const { modelSpec, result } = got[i]!;
    const want = recorded[i];
    const difference =
      want === undefined ? `is a ${result.kind}, but none was recorded` : resultDifference(result, want);
    if (difference !== undefined) {
      return `the result of task ${i} (signature ${quoteName(modelSpec.signatureName)}) ${difference}`;
    }
  }
  return undefined;
}

function valuesDifference({ values }: Regressions, recorded: readonly number[]): string | undefined {
  const numbers = floatsOf(values);
  for (let row = 0; row < recorded.length; row++) {
    if (float32sAgree(numbers[row]!, recorded[row]!)) continue;
    return `differs at example ${row}: the value is ${numbers[row]}, but ${recorded[row]} was recorded`;
  }
  return undefined;
}

function classesDifference(
  { columns, classes, scores }: Classifications,
  recorded: readonly (readonly LabelledScore[])[],
): string | undefined {
  const numbers = scores && floatsOf(scores);
  for (const [row, wanted] of recorded.entries()) {
    if (wanted.length !== columns) {
      return `differs at example ${row}: it has ${columns} classes, but ${wanted.length} were recorded`;
    }
    for (const [column, want] of wanted.entries()) {
      const i = row * columns + column;
      const difference = classDifference({ label: classes?.data[i] ?? NO_LABEL, score: numbers?.[i] ?? 0 }, want);
      if (difference !== undefined) return `differs at example ${row}, class ${column}: ${difference}`;
    }
  }
  return undefined;
}

function classDifference(got: LabelledScore, want: LabelledScore): string | undefined {
  const [a, b] = [got.label, want.label];
  if (Buffer.compare(a, b) !== 0) {
    return `the label is ${showBytes(a)}, but ${showBytes(b)} was recorded`;
  }
  if (float32sAgree(got.score, want.score)) return undefined;
  const of = a.length === 0 ? '' : ` of ${showBytes(a)}`;
  return `the score${of} is ${got.score}, but ${want.score} was recorded`;
}

function floatsOf(tensor: NumericTensor): Float32Array {
  return elements(tensor) as Float32Array;
}
