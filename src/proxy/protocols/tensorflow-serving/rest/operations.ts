/**
 * The paths of TensorFlow Serving's REST API, for the description of the API. Its routes have rules that no template has
 * (routes.ts), so a test holds both against each other.
 *
 * https://www.tensorflow.org/tfx/serving/api_rest
 */
import type { Operation } from '../../rest/operation.ts';
import type { RouteKind } from './routes.ts';

const JSON_TYPE = 'application/json';
const PROTOBUF = 'application/x-protobuf';

function ofModel(end: string): readonly string[] {
  const model = '/v1/models/{model}';
  return [model, `${model}/versions/{version}`, `${model}/labels/{label}`].map((path) => path + end);
}

/** A method that runs a model, with the names of the schemas of its JSON. */
export function inferenceOperation<Kind extends string>(
  kind: Kind,
  method: string,
  request: string,
  answer: string,
): Operation<Kind> {
  return {
    kind,
    method,
    http: 'POST',
    paths: ofModel(`:${kind}`),
    summary: `${method} in JSON or in the protobuf messages of gRPC.`,
    request: { [JSON_TYPE]: request, [PROTOBUF]: undefined },
    answer: { [JSON_TYPE]: answer, [PROTOBUF]: undefined },
    errors: [404],
    isInference: true,
  };
}

/** `metricsPath`: empty if metrics are not served. */
export function servingOperations(metricsPath: string): readonly Operation<RouteKind>[] {
  const metrics: Operation<RouteKind> = {
    kind: 'metrics',
    method: 'Metrics',
    http: 'GET',
    paths: [metricsPath],
    summary: 'Metrics for Prometheus.',
    answer: { 'text/plain': undefined, 'application/openmetrics-text': undefined },
    errors: [],
  };
  return [
    inferenceOperation('predict', 'Predict', 'PredictRequest', 'PredictResponse'),
    {
      kind: 'models',
      method: 'ListModels',
      http: 'GET',
      paths: ['/v1/models'],
      summary: 'Every configured model with its versions and their states.',
      answer: { [JSON_TYPE]: 'ModelList' },
      errors: [],
    },
    {
      kind: 'status',
      method: 'GetModelStatus',
      http: 'GET',
      paths: ofModel(''),
      summary: 'The states of the versions of a model, or of one version.',
      answer: { [JSON_TYPE]: 'ModelStatus' },
      errors: [404],
    },
    {
      kind: 'metadata',
      method: 'GetModelMetadata',
      http: 'GET',
      paths: ofModel('/metadata'),
      summary: 'The signatures of a version.',
      answer: { [JSON_TYPE]: 'ServingMetadata' },
      errors: [404],
    },
    ...(metricsPath === '' ? [] : [metrics]),
  ];
}
