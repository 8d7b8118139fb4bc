/** Classify and Regress refused: the same on both surfaces. The model `examples` declares the signatures. */
import type { ErrorKind } from '../../src/core/errors.ts';
import { exampleBytes, type FeatureInput } from '../support/feature-specs.ts';
import { decode, encode } from '../support/proto-registry.ts';
import { type BadScenario, bad, type Says } from './surface-contract.ts';

type Features = Readonly<Record<string, FeatureInput>>;

const MESSAGES = {
  classify: ['Classify', 'ClassificationRequest'],
  regress: ['Regress', 'RegressionRequest'],
} as const;

interface InferenceRequest {
  readonly verb: keyof typeof MESSAGES;
  readonly signature: string;
  readonly examples: readonly Features[];
  readonly model?: string;
}

function refused(
  name: string,
  request: InferenceRequest,
  says: Says,
  kind: ErrorKind = 'invalid_request',
): BadScenario {
  const { verb, signature, examples, model = 'examples' } = request;
  const [method, message] = MESSAGES[verb];
  const body = { signature_name: signature, examples: examples.map(jsonOf) };
  const input = {
    kind: {
      case: 'exampleList',
      value: { examples: examples.map((each) => decode('tensorflow.Example', exampleBytes(each))) },
    },
  };
  return bad(
    `${verb}: ${name}`,
    kind,
    {
      rest: { path: `/v1/models/${model}:${verb}`, body: JSON.stringify(body) },
      grpc: {
        path: `/tensorflow.serving.PredictionService/${method}`,
        message: encode(`tensorflow.serving.${message}`, {
          modelSpec: { name: model, signatureName: signature },
          input,
        }),
      },
    },
    says,
  );
}

/** Integers of JSON are int64, so a test's bigints are written as they are. */
function jsonOf(features: Features): object {
  return Object.fromEntries(
    Object.entries(features).map(([name, values]) => [
      name,
      values.map((value) => (typeof value === 'bigint' ? Number(value) : value)),
    ]),
  );
}

const FOUR = [1.5, 2.5, 3.5, 4.5];
const classify = (signature: string, ...examples: readonly Features[]): InferenceRequest => {
  return { verb: 'classify', signature, examples };
};
const regress = (signature: string, ...examples: readonly Features[]): InferenceRequest => {
  return { verb: 'regress', signature, examples };
};

export const BAD_INFERENCE: readonly BadScenario[] = [
  refused('no example', classify('classify'), [/is empty/, /at least one/, /send/]),
  refused('a signature that is not there', classify('none', { x: FOUR }), [/"none"/, /it has/, /"classify"/]),
  refused('a signature of tensors', classify('serving_default', { x: FOUR }), [
    /takes no examples/,
    /one string input.*"x" of float32/,
    /name one that does in signature_name: "classify"/,
  ]),
  refused('a signature that regresses', classify('regress', { x: FOUR }), [
    /its outputs are "outputs"/,
    /Classify wants "classes", "scores"/,
    /name a signature/,
  ]),
  refused('a signature that classifies', regress('classify', { x: FOUR }), [
    /its outputs are "classes", "scores"/,
    /Regress wants "outputs"/,
    /name a signature/,
  ]),
  refused('a feature that is missing', regress('regress', { x: FOUR }, { y: [1n] }), [
    /feature "x" of example 1 is missing/,
    /4 values in a float_list/,
    /send/,
  ]),
  refused('too few values', classify('classify', { x: [1.5] }), [
    /feature "x" of example 0 has 1 values/,
    /4 values/,
    /send 4/,
  ]),
  refused('values of another kind', classify('classify', { x: ['a', 'b', 'c', 'd'] }), [
    /holds a bytes_list/,
    /a float_list is wanted/,
    /send 4 values/,
  ]),
  refused(
    'a model that is not there',
    { ...classify('classify', { x: FOUR }), model: 'nothing' },
    [/"nothing"/, /served/, /examples/],
    'model_not_found',
  ),
];
