/** Makes the messages of a record from an answered Classify, Regress or MultiInference. */

import type { ModelSpec } from '../../core/model-spec.ts';
import { CLASSIFY_METHOD_NAME, REGRESS_METHOD_NAME } from '../../core/signature.ts';
import { byteLengthOf } from '../../core/tensor.ts';
import type { MessageExchange } from '../../models/serving/sample-point.ts';
import type { ServedSignature } from '../../models/serving/served-signature.ts';
import type { VersionChoice } from '../../models/versions/version-choice.ts';
import type { Classifications, Regressions } from './inference-results.ts';
import { writeExamplesRequest, writeMultiInferenceRequest } from './request-writer.ts';
import {
  writeClassificationResponse,
  writeMultiInferenceResponse,
  writeRegressionResponse,
} from './response-writer.ts';

/** A Classify, Regress or MultiInference and its answer. */
export interface InferenceExchange {
  readonly type: 'classify' | 'regress' | 'multi_inference';
  /** Serialized examples; the context is merged into each. */
  readonly examples: readonly Uint8Array[];
  /** The tasks in their order; Classify and Regress have exactly one. */
  readonly tasks: readonly InferenceTaskExchange[];
}

export interface InferenceTaskExchange {
  /** The version that the request asked for. */
  readonly requested: VersionChoice;
  readonly served: ServedSignature;
  readonly result: Classifications | Regressions;
}

/** The record has the version and signature of the first task, which chose the version. */
export function sampleMessages({ type, examples, tasks }: InferenceExchange): MessageExchange {
  let requestBytes = 0;
  for (const example of examples) requestBytes += example.byteLength;
  let responseBytes = 0;
  for (const { result } of tasks) responseBytes += bytesOf(result);
  return {
    type,
    served: tasks[0]!.served,
    requestBytes,
    responseBytes,
    request: () => writeRequest(type, tasks, examples),
    response: () => writeResponse(type, tasks),
  };
}

function writeRequest(
  type: InferenceExchange['type'],
  tasks: readonly InferenceTaskExchange[],
  examples: readonly Uint8Array[],
): Uint8Array {
  if (type !== 'multi_inference') return writeExamplesRequest(specOf(tasks[0]!), examples);
  const written = tasks.map((task) => ({
    modelSpec: specOf(task),
    methodName: task.result.kind === 'classification' ? CLASSIFY_METHOD_NAME : REGRESS_METHOD_NAME,
  }));
  return writeMultiInferenceRequest(written, examples);
}

function writeResponse(type: InferenceExchange['type'], tasks: readonly InferenceTaskExchange[]): Uint8Array {
  if (type === 'multi_inference') {
    return writeMultiInferenceResponse(tasks.map(({ served, result }) => ({ modelSpec: served, result })));
  }
  const { served, result } = tasks[0]!;
  return result.kind === 'classification'
    ? writeClassificationResponse({ modelSpec: served, result })
    : writeRegressionResponse({ modelSpec: served, result });
}

/** The requested version, with the names of model and signature that answered. */
function specOf({ requested: { version, label }, served: { name, signatureName } }: InferenceTaskExchange): ModelSpec {
  return { name, version, label, signatureName };
}

function bytesOf(result: Classifications | Regressions): number {
  if (result.kind === 'regression') return byteLengthOf(result.values);
  const { classes, scores } = result;
  return (classes === undefined ? 0 : byteLengthOf(classes)) + (scores === undefined ? 0 : byteLengthOf(scores));
}
