/** Tensors that are not of the dtype and shape that the model wants, or not what they say of themselves. */
import { Buffer } from 'node:buffer';
import type { DType } from '../../src/core/dtype.ts';
import { encode, type Fields } from '../support/proto-registry.ts';
import {
  predict,
  predictMessage,
  protoHead,
  type Sends,
  TF_DTYPES,
  tensor,
  type Value,
} from '../support/surface-request.ts';
import { type BadScenario, bad, type Says } from './surface-contract.ts';

const FLOAT = TF_DTYPES.float32[0];
const HUGE = 2n ** 63n - 1n;

/** One input whose TensorProto is given field by field, for the model `float`. */
function proto(fields: Fields, model = 'float'): Sends {
  return { grpc: { message: predictMessage(model, { x: fields }) } };
}
/** What a model wants: its name, dtype and dims beside the batch. */
const WANTED: readonly (readonly [model: string, dtype: DType, width: number])[] = [
  ['float', 'float32', 4],
  ['int64', 'int64', 2],
  ['string', 'string', 2],
  ['bool', 'bool', 2],
  ['int32', 'int32', 2],
];

const SAMPLE: Readonly<Partial<Record<DType, Value>>> = { string: '1', bool: true, int64: 1n, uint64: 1n };

/** gRPC: every dtype to every model that wants another one. */
const WRONG_PROTO_DTYPES: readonly BadScenario[] = WANTED.flatMap(([model, dtype, width]) =>
  (Object.keys(TF_DTYPES) as DType[])
    .filter((sent) => sent !== dtype)
    .map((sent) => {
      const x = tensor(sent, [1, width], new Array<Value>(width).fill(SAMPLE[sent] ?? 1));
      const says: Says = [new RegExp(`input "x" is ${sent}`), new RegExp(`wants ${dtype}`), /send it as/];
      return bad(`${sent} for ${dtype}`, 'invalid_request', { grpc: predict({ model, inputs: { x } }).grpc }, says);
    }),
);

/** JSON values of a wrong kind, by the dtype that does not take them. */
const WRONG_JSON: readonly (readonly [model: string, values: readonly string[], says: RegExp])[] = [
  ['float', ['"a"', '"1"', 'true', 'null', '{"a":1}', '{"b64":"AA=="}'], /float32; send numbers/],
  ['int64', ['"1"', 'true', 'null', '{}'], /int64; send whole numbers/],
  ['int64', ['1.5', '1.0', '1e2', 'NaN', 'Infinity'], /int64; send whole numbers, without fraction or exponent/],
  ['int64', ['9223372036854775808', '-9223372036854775809', '9'.repeat(200)], /int64; send whole numbers from -9223/],
  ['int32', ['2147483648', '-2147483649'], /int32; send whole numbers from -2147483648 to 2147483647/],
  ['int32', ['"1"', 'false', '0.5'], /int32; send whole numbers/],
  ['string', ['1', 'true', 'null', 'NaN'], /string; send strings, or \{"b64"/],
  ['bool', ['1', '0', '"true"', 'null'], /bool; send true or false/],
  ['uint8', ['-1.5', '"1"', 'true'], /uint8; send whole numbers/],
];

const WRONG_JSON_VALUES: readonly BadScenario[] = WRONG_JSON.flatMap(([model, values, says]) =>
  values.map((value) =>
    bad(
      `${value.slice(0, 24)} for ${model}`,
      'invalid_request',
      { rest: { path: `/v1/models/${model}:predict`, body: `{"instances":[[${value},${value}]]}` } },
      [/^instances\[0\]\[0\] is /, says, /send/],
    ),
  ),
);

const LIMIT: Says[1] = /a request's tensors may take 8388608 together/;

const DIMS: readonly BadScenario[] = [
  dims('a negative dim', [-1n, 4n], 'invalid_request', [/\[-1,4\]/, /dims are 0 or more/, /dims are 0 or more/]),
  dims('two negative dims', [-2n, -2n], 'invalid_request', [/\[-2,-2\]/, /dims are 0 or more/, /dims are 0 or more/]),
  dims('the least dim', [-(2n ** 63n)], 'invalid_request', [/\[-9223372036854776000\]/, /0 or more/, /0 or more/]),
  dims('the largest dim', [HUGE, 4n], 'too_large', [/\[9223372036854776000,4\]/, /less than 2\^53/, /less than 2\^53/]),
  dims('dims whose product overflows', [2n ** 40n, 2n ** 40n], 'too_large', [
    /takes [\d.e+]+ bytes/,
    LIMIT,
    /send fewer rows/,
  ]),
  dims('one value for terabytes', [10n ** 12n, 4n], 'too_large', [
    /takes 16000000000000 bytes/,
    LIMIT,
    /send fewer rows/,
  ]),
  dims('many dims of two', new Array<bigint>(60).fill(2n), 'too_large', [/takes \d+ bytes/, LIMIT, /send fewer rows/]),
  dims('300 dims', new Array<bigint>(300).fill(1n), 'invalid_request', [
    /more than 254 dims/,
    /254/,
    /send the message/,
  ]),
  bad('tensor_content too short', 'invalid_request', content(15), [
    /15 bytes of tensor_content/,
    /takes 16/,
    /send exactly/,
  ]),
  bad('tensor_content too long', 'invalid_request', content(17), [
    /17 bytes of tensor_content/,
    /takes 16/,
    /send exactly/,
  ]),
  bad('tensor_content of another dtype', 'invalid_request', content(32), [/32 bytes/, /takes 16/, /send exactly/]),
  bad(
    'tensor_content of strings cut off',
    'invalid_request',
    proto({ ...protoHead(7, [1, 2]), tensorContent: Buffer.from([5, 1, 65]) }, 'string'),
    [/tensor_content/, /length/, /send/],
  ),
];

function dims(name: string, sizes: readonly bigint[], kind: BadScenario['kind'], says: Says): BadScenario {
  return bad(name, kind, proto({ ...protoHead(FLOAT, sizes), floatVal: [1] }), says);
}

function content(bytes: number): Sends {
  return proto({ ...protoHead(FLOAT, [1, 4]), tensorContent: Buffer.alloc(bytes) });
}

const text = (value: string): Fields => ({
  ...protoHead(7, [1, 2]),
  stringVal: [Buffer.from('x'), Buffer.from(value, 'latin1')],
});

const PROTO: readonly BadScenario[] = [
  bad('no dtype', 'invalid_request', proto({ ...protoHead(0, [1, 4]), floatVal: [1] }), [/no dtype/, /DT_/, /set/]),
  bad('an unknown dtype', 'invalid_request', proto({ ...protoHead(99, [1, 4]) }), [/99/, /dtype/, /send|set/]),
  bad('a reference dtype', 'invalid_request', proto({ ...protoHead(101, [1, 4]) }), [
    /DT_FLOAT_REF/,
    /one of float32/,
    /set dtype/,
  ]),
  bad('a dtype that we do not hold', 'unsupported', proto({ ...protoHead(8, [1, 4]) }), [
    /DT_COMPLEX64/,
    /DT_|dtype/,
    /send/,
  ]),
  bad('a string that is not UTF-8', 'invalid_request', proto(text('a\xff'), 'string'), [
    /not valid UTF-8/,
    /UTF-8 text/,
    /send binary data as/,
  ]),
  bad('a string with NUL', 'invalid_request', proto(text('a\0b'), 'string'), [
    /NUL/,
    /UTF-8 text/,
    /send binary data as/,
  ]),
  bad('an unknown output', 'invalid_request', filtered('z'), [
    /output_filter names "z"/,
    /its outputs: "y"/,
    /its outputs/,
  ]),
  bad('an output twice', 'invalid_request', filtered('y', 'y'), [
    /"y" twice/,
    /each output once/,
    /name each output once/,
  ]),
];

function filtered(...outputFilter: readonly string[]): Sends {
  const x = { ...protoHead(FLOAT, [1, 4]), floatVal: [1] };
  const request = { modelSpec: { name: 'float' }, inputs: { x }, outputFilter };
  return { grpc: { message: encode('tensorflow.serving.PredictRequest', request) } };
}

export const BAD_TENSORS: readonly BadScenario[] = [...WRONG_PROTO_DTYPES, ...WRONG_JSON_VALUES, ...DIMS, ...PROTO];
