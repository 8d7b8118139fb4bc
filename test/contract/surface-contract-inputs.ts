/** Inputs that are not what the model wants, by name and shape; models, versions and signatures that are not there. */
import { Buffer } from 'node:buffer';
import { encode } from '../support/proto-registry.ts';
import {
  floats,
  predict,
  predictMessage,
  protoHead,
  type Sends,
  type SurfacePredict,
  type SurfaceTensor,
  TF_DTYPES,
  tensor,
} from '../support/surface-request.ts';
import { bytesField, varintField } from '../support/wire-fragments.ts';
import { type BadScenario, bad, type GoodScenario, type Says } from './surface-contract.ts';

const F = floats(1, 2, 3, 4);
const A = tensor('float32', [1, 2], [1, 2]);
const B = tensor('int64', [1, 2], [1n, 2n]);

function grpcOnly(message: Uint8Array): Sends {
  return { grpc: { message } };
}

const NAMES: readonly BadScenario[] = [
  invalid('a missing input', { model: 'pair', inputs: { a: A } }, [
    /missing: "b"/,
    /wants the inputs "a", "b"/,
    /missing/,
  ]),
  invalid('an unknown input', { model: 'float', inputs: { z: F } }, [/"z"/, /inputs?.*"x"/, /leave it out|unknown/]),
  invalid('an input too many', { model: 'float', inputs: { x: F, z: F } }, [
    /"z"/,
    /inputs?.*"x"/,
    /leave it out|unknown/,
  ]),
  invalid('another input instead', { model: 'pair', inputs: { a: A, c: B } }, [
    /"c"/,
    /"a", "b"/,
    /leave it out|unknown/,
  ]),
  invalid('a name in another case', { model: 'pair', inputs: { A, b: B } }, [
    /"A"/,
    /"a", "b"/,
    /leave it out|unknown/,
  ]),
  invalid('an empty name', { model: 'float', inputs: { '': F } }, [/""/, /"x"/, /leave it out|unknown/]),
  invalid('a name of Object.prototype', { model: 'float', inputs: { toString: F } }, [
    /"toString"/,
    /"x"/,
    /leave it out|unknown/,
  ]),
  invalid('no inputs', { model: 'float', inputs: {} }, [/missing: "x"/, /wants the inputs "x"/, /missing/]),
  invalid('a very long name', { model: 'float', inputs: { ['n'.repeat(100_000)]: F } }, [
    /"n{120}…"/,
    /"x"/,
    /leave it out|unknown/,
  ]),
];

function invalid(name: string, request: SurfacePredict, says: Says): BadScenario {
  return bad(name, 'invalid_request', predict(request), says);
}

const zeros = (...shape: number[]): SurfaceTensor =>
  tensor('float32', shape, new Array<number>(shape.reduce((a, b) => a * b, 1)).fill(0));

const SHAPES: readonly BadScenario[] = [
  shape('too few elements a row', zeros(1, 3), [/has shape \[1,3\]/, /wants \[\?,4\]/, /send 4 elements a row, not 3/]),
  shape('too many elements a row', zeros(2, 5), [
    /has shape \[2,5\]/,
    /wants \[\?,4\]/,
    /send 4 elements a row, not 5/,
  ]),
  shape('no batch dim', zeros(4), [/has shape \[4\]/, /wants \[\?,4\]/, /add the batch dimension in front: \[1,4\]/]),
  shape('a dim too many', zeros(1, 1, 4), [/has shape \[1,1,4\]/, /wants \[\?,4\]/, /reshape it/]),
  shape('a scalar', tensor('float32', [], [1]), [/has shape \[\]/, /wants \[\?,4\]/, /reshape it/]),
  shape('rows of nothing', zeros(1, 0), [/has shape \[1,0\]/, /wants \[\?,4\]/, /send 4 elements a row, not 0/]),
  shape('wide rows for a batch of one', zeros(2, 5), [/has shape \[2,5\]/, /wants \[1,4\]/, /not 5/], 'one'),
  shape('no batch axis, one dim', zeros(3), [/has shape \[3\]/, /wants \[\?,\?\]/, /add|reshape/], 'whole'),
];

function shape(name: string, x: SurfaceTensor, says: Says, model = 'float'): BadScenario {
  return bad(name, 'invalid_request', predict({ model, inputs: { x } }), says);
}

const HUGE = 2n ** 63n - 1n;

const MODELS: readonly BadScenario[] = [
  bad('an unknown model', 'model_not_found', predict({ model: 'nope', inputs: { x: F } }), [
    /"nope"/,
    /served: float/,
    /served/,
  ]),
  bad('a model in another case', 'model_not_found', predict({ model: 'Float', inputs: { x: F } }), [
    /"Float"/,
    /served: float/,
    /served/,
  ]),
  bad('a model of Object.prototype', 'model_not_found', predict({ model: '__proto__', inputs: { x: F } }), [
    /"__proto__"/,
    /served: float/,
    /served/,
  ]),
  bad('a model name that climbs', 'model_not_found', predict({ model: '../../etc/passwd', inputs: { x: F } }), [
    /passwd"/,
    /served: float/,
    /served/,
  ]),
  bad('an unknown version', 'model_not_found', predict({ model: 'float', version: 7n, inputs: { x: F } }), [
    /no version 7/,
    /available: 1/,
    /available/,
  ]),
  bad('version 0', 'model_not_found', predict({ model: 'float', version: 0n, inputs: { x: F } }), [
    /no version 0/,
    /available: 1/,
    /available/,
  ]),
  bad('the largest version', 'model_not_found', predict({ model: 'float', version: HUGE, inputs: { x: F } }), [
    /no version 9223372036854775807/,
    /available: 1/,
    /available/,
  ]),
  bad(
    'a negative version',
    'model_not_found',
    grpcOnly(predict({ model: 'float', version: -1n, inputs: { x: F } }).grpc.message!),
    [/no version -1/, /available: 1/, /available/],
  ),
  bad('an unknown label', 'label_not_found', predict({ model: 'float', label: 'canary', inputs: { x: F } }), [
    /"canary"/,
    /its labels: stable/,
    /its labels/,
  ]),
  bad('an unknown signature', 'signature_not_found', predict({ model: 'float', signature: 'nope', inputs: { x: F } }), [
    /"nope"/,
    /it has: "serving_default"/,
    /it has/,
  ]),
  bad(
    'a signature of Object.prototype',
    'signature_not_found',
    predict({ model: 'float', signature: 'constructor', inputs: { x: F } }),
    [/"constructor"/, /it has: "serving_default"/, /it has/],
  ),
  bad('an empty model name', 'invalid_request', grpcOnly(predictMessage('', {})), [
    /name is empty/,
    /name of a served model/,
    /send the name/,
  ]),
  bad('an empty message', 'invalid_request', grpcOnly(new Uint8Array(0)), [
    /no model_spec/,
    /model_spec\.name/,
    /set model_spec\.name/,
  ]),
];

export const BAD_INPUTS: readonly BadScenario[] = [...NAMES, ...SHAPES, ...MODELS];

const twice = Buffer.concat([
  bytesField(1, bytesField(1, 'float')),
  bytesField(2, mapEntry('x', floats(9, 9, 9, 9))),
  bytesField(2, mapEntry('x', F)),
]);

function mapEntry(name: string, value: SurfaceTensor): Buffer {
  const [number, field] = TF_DTYPES[value.dtype];
  const fields = { ...protoHead(number, value.shape), [field]: [...value.values] };
  return Buffer.concat([bytesField(1, name), bytesField(2, encode('tensorflow.TensorProto', fields))]);
}

export const GOOD_INPUTS: readonly GoodScenario[] = [
  { name: 'zero rows', grpc: predict({ model: 'float', inputs: { x: zeros(0, 4) } }).grpc, grpcValues: [] },
  both('NaN and infinities', 'float', floats(Number.NaN, Infinity, -Infinity, -0), '[[NaN,Infinity,-Infinity,-0.0]]'),
  both('the ends of int64', 'int64', tensor('int64', [1, 2], [HUGE, -(2n ** 63n)]), `[[${HUGE},${-(2n ** 63n)}]]`),
  both('booleans', 'bool', tensor('bool', [1, 2], [true, false]), '[[true,false]]'),
  both('strings', 'string', tensor('string', [1, 2], ['', 'é😀"\\']), '[["","é😀\\"\\\\"]]'),
  both('a label', 'float', F, '[[1.0,2.0,3.0,4.0]]', { label: 'stable' }),
  both('a version', 'float', F, '[[1.0,2.0,3.0,4.0]]', { version: 1n }),
  both('more rows than a batch', 'int32', tensor('int32', [20, 2], range(40)), `[${pairs(40)}]`),
  both(
    'two rows for a batch of one',
    'one',
    tensor('float32', [2, 4], [1, 2, 3, 4, 5, 6, 7, 8]),
    '[[1.0,2.0,3.0,4.0],[5.0,6.0,7.0,8.0]]',
  ),
  both(
    'a matrix without batch axis',
    'whole',
    tensor('float32', [2, 2], [1, 2, 3, 4]),
    '[[1.0,3.0],[2.0,4.0]]',
    {},
    [1, 3, 2, 4],
  ),
  { name: 'an input twice counts as it stands last', grpc: { message: twice }, grpcValues: [1, 2, 3, 4] },
  {
    name: 'an unknown field',
    grpc: { message: Buffer.concat([predict({ model: 'float', inputs: { x: F } }).grpc.message!, varintField(99, 1)]) },
    grpcValues: [1, 2, 3, 4],
  },
  both('an overflow in the model', 'affine', floats(3e38, -3e38, 1, 0), '[[Infinity,-Infinity,3.0,1.0]]', {}, [
    Infinity,
    -Infinity,
    3,
    1,
  ]),
];

function both(
  name: string,
  model: string,
  x: SurfaceTensor,
  outputs: string,
  spec: Partial<SurfacePredict> = {},
  grpcValues: readonly unknown[] = x.values,
): GoodScenario {
  return { name, ...predict({ model, inputs: { x }, ...spec }), restBody: `{"outputs":${outputs}}`, grpcValues };
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function pairs(count: number): string {
  return range(count / 2)
    .map((i) => `[${2 * i},${2 * i + 1}]`)
    .join(',');
}
