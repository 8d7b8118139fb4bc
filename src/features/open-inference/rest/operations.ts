/**
 * The paths of the Open Inference Protocol (KServe V2) over REST, with Triton's extensions of it.
 *
 * https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md;
 * https://github.com/triton-inference-server/server, docs/protocol
 */
import { JSON_TYPE } from '../../../proxy/http1/answer-head.ts';
import type { Operation } from '../../../proxy/protocols/rest/operation.ts';

export type OpenInferenceKind =
  | 'v2-live'
  | 'v2-ready'
  | 'v2-server'
  | 'v2-model-ready'
  | 'v2-metadata'
  | 'v2-infer'
  | 'v2-config'
  | 'v2-all-stats'
  | 'v2-stats'
  | 'v2-trace'
  | 'v2-set-trace'
  | 'v2-logging'
  | 'v2-set-logging';

/** The request header with the number of bytes of the JSON, where tensors are behind it; and the answer's. */
export const HEADER_LENGTH = 'inference-header-content-length';

const OCTETS = 'application/octet-stream';

/** A path below a model, and below one of its versions. */
function ofModel(end: string): readonly string[] {
  return [`/v2/models/{model}${end}`, `/v2/models/{model}/versions/{version}${end}`];
}

/** The first of two that fit a path counts: `/v2/models/stats` are the statistics of all models. */
export const OPEN_INFERENCE: readonly Operation<OpenInferenceKind>[] = [
  {
    kind: 'v2-live',
    method: 'ServerLive',
    http: 'GET',
    paths: ['/v2/health/live'],
    summary: 'The server runs.',
    answer: { [JSON_TYPE]: 'ServerLive' },
    errors: [],
    isOpen: true,
  },
  {
    kind: 'v2-ready',
    method: 'ServerReady',
    http: 'GET',
    paths: ['/v2/health/ready'],
    summary: 'Every configured model is available; else 400 with `{"ready":false}` and the reason as `error`.',
    answer: { [JSON_TYPE]: 'ServerReady' },
    errors: [400],
    isOpen: true,
  },
  {
    kind: 'v2-server',
    method: 'ServerMetadata',
    http: 'GET',
    paths: ['/v2'],
    summary: 'The server and the extensions of the protocol that it has.',
    answer: { [JSON_TYPE]: 'ServerMetadata' },
    errors: [],
  },
  {
    kind: 'v2-all-stats',
    method: 'ModelStatistics',
    http: 'GET',
    paths: ['/v2/models/stats'],
    summary: 'Statistics of every available version.',
    answer: { [JSON_TYPE]: 'ModelStatistics' },
    errors: [],
  },
  {
    kind: 'v2-infer',
    method: 'ModelInfer',
    http: 'POST',
    paths: ofModel('/infer'),
    summary: 'Runs the model. Tensors are JSON, or binary data behind the JSON, or one raw tensor.',
    request: { [JSON_TYPE]: 'InferRequest', [OCTETS]: undefined },
    answer: { [JSON_TYPE]: 'InferResponse', [OCTETS]: undefined },
    errors: [404],
    isInference: true,
    headers: [HEADER_LENGTH],
    answerHeaders: [HEADER_LENGTH],
  },
  {
    kind: 'v2-model-ready',
    method: 'ModelReady',
    http: 'GET',
    paths: ofModel('/ready'),
    summary: 'The version would take a request: 200 with an empty body, else 400 with an error; 404 without its label.',
    errors: [404],
  },
  {
    kind: 'v2-config',
    method: 'ModelConfig',
    http: 'GET',
    paths: ofModel('/config'),
    summary: "The model as Triton's ModelConfig tells it.",
    answer: { [JSON_TYPE]: 'ModelConfig' },
    errors: [404],
  },
  {
    kind: 'v2-stats',
    method: 'ModelStatistics',
    http: 'GET',
    paths: ofModel('/stats'),
    summary: 'Statistics of the available versions of a model, or of one version.',
    answer: { [JSON_TYPE]: 'ModelStatistics' },
    errors: [404],
  },
  ...settings('v2-trace', 'v2-set-trace', 'TraceSetting', ['/v2/trace/setting', '/v2/models/{model}/trace/setting']),
  ...settings('v2-logging', 'v2-set-logging', 'LogSettings', ['/v2/logging']),
  {
    kind: 'v2-metadata',
    method: 'ModelMetadata',
    http: 'GET',
    paths: ofModel(''),
    summary: 'Inputs and outputs of a model, and its available versions.',
    answer: { [JSON_TYPE]: 'OpenInferenceMetadata' },
    errors: [404],
  },
];

/** GET and POST of settings. */
function settings(
  read: OpenInferenceKind,
  write: OpenInferenceKind,
  method: string,
  paths: readonly string[],
): readonly Operation<OpenInferenceKind>[] {
  const answer = { [JSON_TYPE]: 'Settings' } as const;
  const what = method === 'LogSettings' ? 'log' : 'trace';
  return [
    { kind: read, method, http: 'GET', paths, summary: `The ${what} settings.`, answer, errors: [] },
    {
      kind: write,
      method,
      http: 'POST',
      paths,
      summary: `Changes ${what} settings, with --allow_client_settings; null is as the server was started.`,
      request: { [JSON_TYPE]: 'Settings' },
      isBodyOptional: true,
      answer,
      errors: [],
    },
  ];
}
