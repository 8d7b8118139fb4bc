/** Replays records of Classify, Regress and MultiInference, from warm-up and golden files. */
import { readExamplesRequest, readMultiInferenceRequest } from '../../codec/tensorflow/example-input-reader.ts';
import {
  type RecordedResult,
  readClassificationResponse,
  readMultiInferenceResponse,
  readRegressionResponse,
} from '../../codec/tensorflow/inference-response-reader.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import { runCall } from '../../proxy/call.ts';
import {
  type Compare,
  type Replay,
  type ReplayRequest,
  type Replays,
  replayContext,
  replayResolver,
  replaySpec,
} from '../../proxy/handlers/replay.ts';
import { CLASSIFY } from './classify.ts';
import { ExamplesCall, type ExamplesMethod } from './examples-call.ts';
import type { Classifications, Regressions } from './inference-results.ts';
import { MultiInferenceCall } from './multi-inference.ts';
import { REGRESS } from './regress.ts';
import { resultDifference, resultsDifference } from './result-difference.ts';

export const EXAMPLES_REPLAYS: Replays = new Map([
  ['classify', replayExamples('Classify', 'ClassificationRequest', CLASSIFY, readClassificationResponse)],
  ['regress', replayExamples('Regress', 'RegressionRequest', REGRESS, readRegressionResponse)],
  ['multi_inference', replayMultiInference],
]);

const NO_SPEC: ModelSpec = { name: '' };

function replayExamples<Result extends Classifications | Regressions>(
  name: string,
  message: string,
  method: ExamplesMethod<Result>,
  readResponse: (recorded: Uint8Array, maxBytes: number) => RecordedResult,
): ReplayRequest {
  return async ({ clock, maxTensorBytes, servable, request }) => {
    const read = readExamplesRequest(request, message, maxTensorBytes, NO_SPEC);
    const modelSpec = replaySpec(servable, read.modelSpec);
    const context = replayContext(clock, name);
    const call = new ExamplesCall(method, replayResolver(servable), { ...read, modelSpec }, context);
    const { result } = await runCall(call);
    return (recorded) => {
      const difference = resultDifference(result, readResponse(recorded, maxTensorBytes));
      return difference && `the answer ${difference}`;
    };
  };
}

async function replayMultiInference({ clock, maxTensorBytes, servable, request }: Replay): Promise<Compare> {
  const { tasks, examples } = readMultiInferenceRequest(request, maxTensorBytes);
  const named = tasks.map(({ modelSpec = NO_SPEC, methodName }) => ({
    modelSpec: replaySpec(servable, modelSpec),
    methodName,
  }));
  const context = replayContext(clock, 'MultiInference');
  const call = new MultiInferenceCall(replayResolver(servable), { tasks: named, examples }, context);
  const results = await runCall(call);
  return (recorded) => resultsDifference(results, readMultiInferenceResponse(recorded, maxTensorBytes));
}
