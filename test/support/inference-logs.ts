/**
 * Records of Classify, Regress and MultiInference for tests, made and read by an independent protobuf library.
 */
import { type Message, toBinary } from '@bufbuild/protobuf';
import { encode, type Fields, messageType } from './proto-registry.ts';

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

/** A log of Classify. `rows` are those of the recorded answer; without them there is none. */
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

/** A record as a test compares it. */
export interface LoggedInference {
  /** Such as `classifyLog`. */
  readonly type: string;
  /** The version that answered. */
  readonly version: bigint;
  /** The models of the request, or of its tasks: `name:version or label:signature`. */
  readonly specs: readonly string[];
  /** The methods of its tasks. */
  readonly methods: readonly string[];
  /** The examples in the form in which that library writes a tensorflow.Example. */
  readonly examples: readonly Uint8Array[];
  /** The results of the request, or of its tasks: rows of labels with scores, or of values. None without a response. */
  readonly results: readonly (readonly unknown[])[];
}

/** Reads a PredictionLog that parseRecords gave. */
export function loggedInference(record: Message & Fields): LoggedInference {
  const { logMetadata, logType } = record as never as InferenceLogMessage;
  const { request, response } = logType.value;
  const tasks = request.tasks ?? [];
  const results = response?.results?.map(({ result }) => result.value) ?? (response ? [response.result!] : []);
  return {
    type: logType.case,
    version: logMetadata.modelSpec.versionChoice.value.value,
    specs: (request.tasks === undefined ? [request.modelSpec!] : tasks.map(({ modelSpec }) => modelSpec)).map(textOf),
    methods: tasks.map(({ methodName }) => methodName),
    examples: request.input.kind.value.examples.map((each) => toBinary(messageType('tensorflow.Example'), each)),
    results: results.map(({ classifications, regressions }) => [
      ...(classifications ?? []).map(({ classes }) => classes.map(({ label, score }) => [label, score])),
      ...(regressions ?? []).map(({ value }) => value),
    ]),
  };
}

interface SpecMessage {
  readonly name: string;
  readonly signatureName: string;
  readonly versionChoice: { readonly case?: string; readonly value?: unknown };
}

interface ResultMessage {
  readonly classifications?: readonly { readonly classes: readonly { label: string; score: number }[] }[];
  readonly regressions?: readonly { readonly value: number }[];
}

interface InferenceLogMessage {
  readonly logMetadata: { readonly modelSpec: { readonly versionChoice: { readonly value: { value: bigint } } } };
  readonly logType: {
    readonly case: string;
    readonly value: {
      readonly request: {
        readonly modelSpec?: SpecMessage;
        readonly tasks?: readonly { readonly modelSpec: SpecMessage; readonly methodName: string }[];
        readonly input: { readonly kind: { readonly value: { readonly examples: readonly Message[] } } };
      };
      readonly response?: {
        readonly result?: ResultMessage;
        readonly results?: readonly { readonly result: { readonly value: ResultMessage } }[];
      };
    };
  };
}

function textOf({ name, signatureName, versionChoice: { case: kind, value } }: SpecMessage): string {
  const version = kind === 'version' ? (value as { readonly value: bigint }).value : (value ?? '');
  return `${name}:${version}:${signatureName}`;
}
