/** The headers of REST, for /openapi.json: what each means, and its form. Names are in lower case. */
import { MAX_SEQUENCE_ID_LENGTH } from '../../core/model-spec.ts';
import { PRIORITY_NAMES } from '../../core/priority.ts';

interface Header {
  readonly description: string;
  readonly schema: object;
}

const COUNT = { type: 'integer', minimum: 0 };
const TEXT = { type: 'string' };

/** Headers of requests. */
export const REQUEST_HEADERS: Readonly<Record<string, Header>> = {
  'inference-header-content-length': {
    description:
      'The bytes of the JSON in a body with binary tensors behind it; 0 = the body is the data of the only input.',
    schema: COUNT,
  },
  'x-envoy-expected-rq-timeout-ms': {
    description: 'The deadline, in whole milliseconds from the arrival. The first of the three such headers counts.',
    schema: { type: 'string', pattern: '^[0-9]{1,15}$' },
  },
  'grpc-timeout': {
    description: 'The deadline, as gRPC has it: 1 to 8 digits and a unit.',
    schema: { type: 'string', pattern: '^[0-9]{1,8}[HMSmun]$' },
  },
  'request-timeout': {
    description: 'The deadline, in seconds.',
    schema: { type: 'string', pattern: '^([0-9]{1,12}([.][0-9]{0,9})?|[.][0-9]{1,9})$' },
  },
  'x-pillion-priority': {
    description: 'Which requests go first when there is not time for all.',
    schema: { type: 'string', enum: PRIORITY_NAMES },
  },
  'x-pillion-sequence-id': {
    description: 'The sequence that the request is a step of, for models that keep a state.',
    schema: { type: 'string', pattern: `^[!-~]([ -~]{0,${MAX_SEQUENCE_ID_LENGTH - 2}}[!-~])?$` },
  },
  'x-pillion-sequence-step': {
    description:
      'With x-pillion-sequence-id: `start`, `end`, or `start, end`, for the first step, the last one, or the only one. Ignored without.',
    schema: TEXT,
  },
  'endpoint-load-metrics-format': {
    description:
      "The form in which the answer reports the server's load (ORCA), in any case of letters; others ask for none.",
    schema: TEXT,
  },
  'x-request-id': { description: 'Repeated in the answer.', schema: TEXT },
  traceparent: {
    description: 'The trace that the request belongs to, by W3C; any other text is ignored.',
    schema: TEXT,
  },
};

/** Headers of answers. */
export const ANSWER_HEADERS: Readonly<Record<string, Header>> = {
  'inference-header-content-length': {
    description: 'The bytes of the JSON in a body with binary tensors behind it.',
    schema: COUNT,
  },
  'retry-after': { description: 'The seconds after which a retry makes sense, if it does.', schema: COUNT },
  'x-envoy-overloaded': { description: 'true: the server has too much to do.', schema: TEXT },
  'x-envoy-ratelimited': { description: 'true: the caller is over its own limits.', schema: TEXT },
  'accept-encoding': { description: 'The codings that a body may have, if it has another.', schema: TEXT },
};

/** Request headers of every inference. */
export const INFERENCE_HEADERS: readonly string[] = Object.keys(REQUEST_HEADERS).filter(
  (name) => name !== 'inference-header-content-length',
);
