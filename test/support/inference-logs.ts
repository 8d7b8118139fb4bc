/**
 * Records of Classify, Regress and MultiInference for tests: PredictionLog by an independent protobuf library.
 */
import { encode, type Fields } from './proto-registry.ts';

/** The classes of one example. */
export type ClassRow = readonly (readonly [label: string, score: number])[];

export interface InferenceLogSpec {
  /** model_spec; absent = the request has none. */
  readonly modelSpec?: Fields;
  /** tensorflow.Examples as fields. */
  readonly examples: readonly Fields[];
}

/** One tf.Example with a float feature. */
export function floatExample(name: string, ...value: number[]): Fields {
  return { features: { feature: { [name]: { kind: { case: 'floatList', value: { value } } } } } };
}

/** `rows` are those of the recorded answer; without them there is none. */
export function classifyLog(spec: InferenceLogSpec, rows?: readonly ClassRow[]) {
  const response = rows && { result: { classifications: rows.map(classesOf) } };
  return log('classifyLog', requestOf(spec), response);
}

/** `values` are the recorded answer's; without them there is none. */
export function regressLog(spec: InferenceLogSpec, values?: readonly number[]): Uint8Array {
  const response = values && { result: { regressions: values.map((value) => ({ value })) } };
  return log('regressLog', requestOf(spec), response);
}

/** `results` are the recorded answer's InferenceResults, as fields; without them there is none. */
export function multiInferenceLog(
  tasks: readonly Fields[],
  examples: readonly Fields[],
  results?: readonly Fields[],
): Uint8Array {
  return log('multiInferenceLog', { tasks, ...requestOf({ examples }) }, results && { results });
}

/** A result for `multiInferenceLog`. */
export function classificationOf(rows: readonly ClassRow[]): Fields {
  return { result: { case: 'classificationResult', value: { classifications: rows.map(classesOf) } } };
}

/** The same of a regression. */
export function regressionOf(...values: readonly number[]): Fields {
  return { result: { case: 'regressionResult', value: { regressions: values.map((value) => ({ value })) } } };
}

function classesOf(row: ClassRow): Fields {
  return { classes: row.map(([label, score]) => ({ label, score })) };
}

function requestOf({ modelSpec, examples }: InferenceLogSpec): Fields {
  const input = { kind: { case: 'exampleList', value: { examples } } };
  return modelSpec === undefined ? { input } : { modelSpec, input };
}

function log(kind: string, request: Fields, response: Fields | undefined): Uint8Array {
  const value = response === undefined ? { request } : { request, response };
  return encode('tensorflow.serving.PredictionLog', { logType: { case: kind, value } });
}
