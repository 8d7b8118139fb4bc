/**
 * The paths of TensorFlow Serving's REST API, for the description of the API. Its routes have rules that no template has
 * (routes.ts), so a test holds both against each other.
 *
 * https://www.tensorflow.org/tfx/serving/api_rest
 */
import type { Content, Operation } from '../../rest/operation.ts';
import type { RouteKind } from './routes.ts';

const JSON_TYPE = 'application/json';
const PROTOBUF = 'application/x-protobuf';

function ofModel(end: string): readonly string[] {
  const model = '/v1/models/{model}';
  return [model, `${model}/versions/{version}`, `${model}/labels/{label}`].map((path) => path + end);
}

function inference(kind: 'predict' | 'classify' | 'regress', request: Content, answer: Content): Operation<RouteKind> {
  const method = { predict: 'Predict', classify: 'Classify', regress: 'Regress' }[kind];
  return {
    kind,
    method,
    http: 'POST',
    paths: ofModel(`:${kind}`),
    summary: `${method} in JSON or in the protobuf messages of gRPC.`,
    request: { ...request, [PROTOBUF]: undefined },
    answer: { ...answer, [PROTOBUF]: undefined },
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
    inference('predict', { [JSON_TYPE]: 'PredictRequest' }, { [JSON_TYPE]: 'PredictResponse' }),
    inference('classify', { [JSON_TYPE]: 'ExamplesRequest' }, { [JSON_TYPE]: 'ClassifyResponse' }),
    inference('regress', { [JSON_TYPE]: 'ExamplesRequest' }, { [JSON_TYPE]: 'RegressResponse' }),
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
