/** Classify and Regress in Python over gRPC, with TensorFlow Serving's messages. Pure. */
import type { FeatureDetail } from '../../../../admin/feature-detail.ts';
import { KEY_VARIABLE } from '../code/http-code.ts';
import { named } from '../code/quoting.ts';

interface ExampleCall {
  /** "localhost:8500" */
  readonly address: string;
  readonly isTls: boolean;
  /** Default false. */
  readonly wantsKey?: boolean;
  readonly verb: 'classify' | 'regress';
  readonly model: string;
  readonly version: string | undefined;
  /** The known features. The kind of any other feature follows from its values. */
  readonly features: readonly FeatureDetail[];
  /** The body of the REST call. */
  readonly body: string;
  /** A Python expression of the body as a dict. */
  readonly bodyExpression: string;
}

interface ExamplesBody {
  readonly signature_name?: string;
  readonly examples: readonly [Readonly<Record<string, readonly unknown[]>>];
}

const MESSAGES = {
  classify: { module: 'classification_pb2', request: 'ClassificationRequest', method: 'Classify' },
  regress: { module: 'regression_pb2', request: 'RegressionRequest', method: 'Regress' },
} as const;

export function pythonExample(call: ExampleCall): string {
  const { module, request, method } = MESSAGES[call.verb];
  const { signature_name: signature, examples } = JSON.parse(call.body) as ExamplesBody;
  const [example] = examples;
  const kinds = new Map(call.features.map(({ name, kind }) => [name, kind]));
  const lists = Object.entries(example).map(([name, values]) =>
    featureLine(name, kinds.get(name) ?? kindOf(values), values),
  );
  const hasBytes = Object.values(example).some((values) => isBase64(values[0]));
  const imports = [...(hasBytes ? ['base64'] : []), 'json', ...(call.wantsKey === true ? ['os'] : [])];
  const metadata =
    call.wantsKey === true ? `, metadata=[("authorization", f"Bearer {os.environ['${KEY_VARIABLE}']}")]` : '';
  const credentials = call.isTls ? ', grpc.ssl_channel_credentials()' : '';
  return `${imports.map((each) => `import ${each}\n`).join('')}
import grpc
from tensorflow.core.example import example_pb2, feature_pb2
from tensorflow_serving.apis import ${module}, prediction_service_pb2_grpc

features = ${call.bodyExpression}["examples"][0]
example = example_pb2.Example(
    features=feature_pb2.Features(
        feature={
${lists.join('\n')}
        }
    )
)
request = ${module}.${request}()
request.model_spec.name = ${named(call.model)}
${call.version === undefined ? '' : `request.model_spec.version.value = ${call.version}\n`}${
  signature === undefined ? '' : `request.model_spec.signature_name = ${named(signature)}\n`
}request.input.example_list.examples.append(example)
with grpc.${call.isTls ? 'secure' : 'insecure'}_channel(${named(call.address)}${credentials}) as channel:
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    print(stub.${method}(request, timeout=5${metadata}).result)`;
}

const LISTS = {
  float32: ['float_list', 'FloatList'],
  int64: ['int64_list', 'Int64List'],
  string: ['bytes_list', 'BytesList'],
} as const;

function featureLine(name: string, kind: keyof typeof LISTS, values: readonly unknown[]): string {
  const [field, message] = LISTS[kind];
  const list = `features[${named(name)}]`;
  const encoded = isBase64(values[0]) ? 'base64.b64decode(each["b64"])' : 'each.encode()';
  const value = kind === 'string' ? `[${encoded} for each in ${list}]` : list;
  return `            ${named(name)}: feature_pb2.Feature(${field}=feature_pb2.${message}(value=${value})),`;
}

/** The kind that the REST API makes of a list: int64 if all values are integers. */
function kindOf(values: readonly unknown[]): keyof typeof LISTS {
  if (values.some((value) => typeof value === 'string' || isBase64(value))) return 'string';
  return values.every((value) => typeof value === 'boolean' || Number.isInteger(value)) ? 'int64' : 'float32';
}

function isBase64(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'b64' in value;
}
