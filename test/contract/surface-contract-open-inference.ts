/** The Open Inference Protocol spoken wrongly, beside TensorFlow Serving's API on the same port. */
import { Buffer } from 'node:buffer';
import { DATATYPES } from '../../src/codec/open-inference/datatypes.ts';
import type { DType } from '../../src/core/dtype.ts';
import type { ErrorKind } from '../../src/core/errors.ts';
import { encode, type Fields } from '../support/proto-registry.ts';
import type { Sends } from '../support/surface-request.ts';
import { type BadScenario, bad, type Says } from './surface-contract.ts';

const SERVICE = '/inference.GRPCInferenceService';

/** What each model wants: dtype, and dims beside the batch. */
const WANTED: readonly (readonly [model: string, dtype: DType, width: number])[] = [
  ['float', 'float32', 4],
  ['int64', 'int64', 2],
  ['string', 'string', 2],
  ['bool', 'bool', 2],
  ['int32', 'int32', 2],
];

const BYTES: Readonly<Partial<Record<DType, number>>> = {
  float32: 4,
  float64: 8,
  int64: 8,
  uint64: 8,
  int32: 4,
  uint32: 4,
};

function infer(fields: Fields, model = 'float'): Sends {
  return {
    grpc: {
      path: `${SERVICE}/ModelInfer`,
      message: encode('inference.ModelInferRequest', { modelName: model, ...fields }),
    },
  };
}

/** One raw input "x". */
function raw(model: string, datatype: string, shape: readonly (number | bigint)[], bytes: Uint8Array): Sends {
  return infer({ inputs: [{ name: 'x', datatype, shape: shape.map(BigInt) }], rawInputContents: [bytes] }, model);
}

function rawZeros(dtype: DType, width: number): Uint8Array {
  if (dtype === 'string') return Buffer.alloc(4 * width);
  const size = BYTES[dtype] ?? (dtype === 'bool' || dtype.endsWith('int8') ? 1 : 2);
  return Buffer.alloc(size * width);
}

/** Every datatype to every model that wants another one. */
const WRONG_DATATYPES: readonly BadScenario[] = WANTED.flatMap(([model, dtype, width]) =>
  (Object.keys(DATATYPES) as DType[])
    .filter((sent) => sent !== dtype)
    .map((sent) => {
      const [is, wants] = [DATATYPES[sent], DATATYPES[dtype]];
      const sends = raw(model, is, [1, width], rawZeros(sent, width));
      const says: Says = [new RegExp(`input "x" is ${is}`), new RegExp(`wants ${wants}`), /send it as/];
      return bad(`Open Inference: ${is} for ${wants}`, 'invalid_request', sends, says);
    }),
);

const LIMIT = /a request's tensors may take 8388608 together/;

const X: Fields = { name: 'x', datatype: 'FP32', shape: [1n, 4n] };
const ROW = Buffer.alloc(16);
const typed = (contents: Fields, datatype = 'FP32', model = 'float'): Sends =>
  infer({ inputs: [{ ...X, datatype, contents }] }, model);
const parameter = (name: string, value: Fields): Sends =>
  infer({ inputs: [X], rawInputContents: [ROW], parameters: { [name]: { parameterChoice: value } } });
const asked = (...names: readonly string[]): Sends =>
  infer({ inputs: [X], rawInputContents: [ROW], outputs: names.map((name) => ({ name })) });
const bytes = (...values: readonly number[]): Sends => raw('string', 'BYTES', [1, 2], Buffer.from(values));

const REFUSED: readonly (readonly [string, Sends, Says, ErrorKind?])[] = [
  ['raw contents too short', raw('float', 'FP32', [1, 4], Buffer.alloc(15)), [/got 15/, /takes 16/, /send exactly/]],
  ['raw contents too long', raw('float', 'FP32', [1, 4], Buffer.alloc(17)), [/got 17/, /takes 16/, /send exactly/]],
  ['a negative dim', raw('float', 'FP32', [-1, 4], ROW), [/\[-1,4\]/, /0 or more/, /dims are 0 or more/]],
  [
    'dims that overflow',
    raw('float', 'FP32', [2n ** 40n, 2n ** 40n], ROW),
    [/takes [\d.e+]+ /, LIMIT, /fewer rows/],
    'too_large',
  ],
  [
    'the largest dim',
    raw('float', 'FP32', [2n ** 63n - 1n, 4n], ROW),
    [/\[9223/, /less than 2\^53/, /2\^53/],
    'too_large',
  ],
  [
    'strings for gigabytes',
    raw('string', 'BYTES', [2 ** 30, 2], ROW),
    [/takes \d+ /, LIMIT, /fewer rows/],
    'too_large',
  ],
  ['a string cut off', bytes(9, 0, 0, 0, 65), [/ends within element 0/, /BYTES \[1,2\]/, /send each element/]],
  ['a length of gigabytes', bytes(255, 255, 255, 255), [/ends within element 0/, /BYTES \[1,2\]/, /send each element/]],
  ['a string too many', bytes(...Array<number>(12).fill(0)), [/after element 1/, /the last one/, /send each element/]],
  ['a string that is not UTF-8', bytes(1, 0, 0, 0, 255, 0, 0, 0, 0), [/not valid UTF-8/, /UTF-8 text/, /send binary/]],
  [
    'no raw contents',
    infer({ inputs: [X] }),
    [/unable to find data for input tensor 'x'/, /raw_input_contents/, /send its elements in contents/],
  ],
  [
    'raw contents for nobody',
    infer({ inputs: [X], rawInputContents: [ROW, ROW] }),
    [/has 2 entries/, /1 inputs: "x"/, /send one/],
  ],
  [
    'an input twice',
    infer({ inputs: [X, X], rawInputContents: [ROW, ROW] }),
    [/'x' already exists/, /once/, /send each/],
  ],
  [
    'both forms',
    infer({ inputs: [{ ...X, contents: { fp32Contents: [1, 2, 3, 4] } }], rawInputContents: [ROW] }),
    [/contents field/, /when using raw_input_contents for 'x'/, /send all inputs in one/],
  ],
  ['too few typed elements', typed({ fp32Contents: [1] }), [/has 1 elements/, /takes 4/, /send exactly those/]],
  [
    'another field',
    typed({ fp64Contents: [1, 2, 3, 4] }),
    [/'x' in fp64_contents/, /expected datatype 'FP32'/, /send them in fp32_c/],
  ],
  ['typed FP16', typed({ fp32Contents: [1] }, 'FP16'), [/is FP16/, /no field in contents/, /send all inputs in raw/]],
  ['no such datatype', typed({ fp32Contents: [1] }, 'float'), [/the datatype "float"/, /one of BOOL/, /send one of/]],
  ['no model name', infer({}, ''), [/the name is empty/, /served model/, /send that/], 'model_not_found'],
  [
    'an input of another name',
    infer({ inputs: [{ ...X, name: 'z' }], rawInputContents: [ROW] }),
    [/unknown: "z"/, /wants/, /missing: "x"/],
  ],
  ['an unknown output', asked('z'), [/unexpected inference output 'z'/, /its outputs: "y"/, /its outputs/]],
  ['an output twice', asked('y', 'y'), [/"y" twice/, /each output once/, /name each output once/]],
  [
    'a negative timeout',
    parameter('timeout', { case: 'int64Param', value: -5n }),
    [/is -5/, /0 or more/, /send a whole number/],
  ],
  [
    'a timeout as text',
    parameter('timeout', { case: 'stringParam', value: 'x' }),
    [/is "x"/, /microseconds/, /send a whole/],
  ],
  [
    'a reserved parameter',
    parameter('triton_x', { case: 'boolParam', value: true }),
    [/"triton_x"/, /reserved/, /rename/],
  ],
  [
    'a sequence',
    parameter('sequence_id', { case: 'uint64Param', value: 7n }),
    [/keeps no state/, /leave out the sequence id/, /declare "state"/],
  ],
  [
    'shared memory',
    infer({
      inputs: [
        { ...X, parameters: { shared_memory_region: { parameterChoice: { case: 'stringParam', value: 'r' } } } },
      ],
    }),
    [/no shared memory for clients/, /--allow_client_shm/, /send and receive tensors in the message/],
    'unsupported',
  ],
  [
    'a classification into no classes',
    infer({
      ...{ inputs: [X], rawInputContents: [ROW] },
      outputs: [{ name: 'y', parameters: { classification: { parameterChoice: { case: 'int64Param', value: 0n } } } }],
    }),
    [/"classification" of output "y"/, /no whole number above 0/, /send how many classes/],
    'invalid_request',
  ],
];

/** No protobuf, and questions about what is not there. */
const OTHERS: readonly BadScenario[] = [
  bad(
    'Open Inference: no protobuf',
    'invalid_request',
    { grpc: { path: `${SERVICE}/ModelInfer`, message: Buffer.from([0x2a, 0xff]) } },
    [/ModelInferRequest is not valid protobuf/, /cut off/, /send the message as the \.proto/],
  ),
  bad(
    'Open Inference: metadata of no model',
    'model_not_found',
    { grpc: { path: `${SERVICE}/ModelMetadata`, message: encode('inference.ModelMetadataRequest', { name: 'none' }) } },
    [/no model "none"/, /served/, /float/],
  ),
  bad(
    'Open Inference: a load that nobody allowed',
    'unsupported',
    {
      grpc: {
        path: `${SERVICE}/RepositoryModelLoad`,
        message: encode('inference.RepositoryModelLoadRequest', { modelName: 'float' }),
      },
    },
    [/loads and unloads no models/, /by request/, /--model_control_mode=explicit/],
  ),
];

export const BAD_OPEN_INFERENCE: readonly BadScenario[] = [
  ...WRONG_DATATYPES,
  ...REFUSED.map(([name, sends, says, kind = 'invalid_request']) => bad(`Open Inference: ${name}`, kind, sends, says)),
  ...OTHERS,
];
