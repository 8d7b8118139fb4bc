/** Makes the messages of a record from an answered Classify, Regress or MultiInference. */
import { writeExamplesRequest, writeMultiInferenceRequest } from '../../codec/tensorflow/examples-request-writer.ts';
import {
  writeClassificationResponse,
  writeMultiInferenceResponse,
  writeRegressionResponse,
} from '../../codec/tensorflow/inference-response-writer.ts';
import type { Classifications, Regressions } from '../../core/inference-results.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import { CLASSIFY_METHOD_NAME, REGRESS_METHOD_NAME } from '../../core/signature.ts';
import { byteLengthOf } from '../../core/tensor.ts';
import type { InferenceExchange, InferenceTaskExchange, MessageExchange } from '../../models/serving/sample-point.ts';

/** The record has the version and signature of the first task, which chose the version. */
export function inferenceMessages({ type, examples, tasks }: InferenceExchange): MessageExchange {
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
