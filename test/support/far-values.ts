/**
 * Models whose rows meet only where a value is beyond a limit: no row is like its neighbours then, and a hundred tries
 * with smaller values show nothing. As a SavedModel, and as a graph of TensorFlow.js.
 *
 *   y = x × 2                if no value of any row is above the limit
 *   y = x × 0 + sum(all x)   otherwise
 */
import { Buffer } from 'node:buffer';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  flagAttr,
  floatConst,
  functionAttr,
  integers,
  shapeAttr,
  type TfNode,
  typeAttr,
  typesAttr,
  writeSavedModel,
} from './saved-model.ts';

export const WIDTH = 4;

type Kind = 'ids' | 'floats';

export const LIMITS: Readonly<Record<Kind, number>> = { ids: 5000, floats: 3e6 };

/** The answer for rows that are run alone. */
export function farAnswer(kind: Kind, x: readonly (readonly number[])[]): readonly (readonly number[])[] {
  const all = x.flat();
  const sum = all.reduce((total, value) => total + value, 0);
  const isFar = all.some((value) => value > LIMITS[kind]);
  return x.map((row) => row.map((value) => (isFar ? sum : 2 * value)));
}

/** Version 1 of a model, as saved_model.pb. */
export function writeFarSavedModel(base: string, kind: Kind): void {
  const type = kind === 'ids' ? 'int64' : 'float32';
  const T = typeAttr(type);
  const number = (name: string, value: number): TfNode =>
    kind === 'ids' ? integers(name, BigInt64Array.of(BigInt(value)), []) : floatConst(name, Float32Array.of(value), []);
  const axes = integers('axes', Int32Array.of(0, 1));
  const reduce = { Tidx: typeAttr('int32'), keep_dims: flagAttr(false) };
  const branch = { inputs: { x: type }, outputs: { y: type } } as const;
  const info = (name: string) => ({ name, dtype: type, shape: [-1, WIDTH] }) as const;
  writeSavedModel(join(base, '1'), {
    nodes: [
      { name: 'x', op: 'Placeholder', attrs: { dtype: T, shape: shapeAttr([-1, WIDTH]) } },
      number('limit', LIMITS[kind]),
      axes,
      { name: 'far', op: 'Greater', inputs: ['x', 'limit'], attrs: { T } },
      { name: 'any', op: 'Any', inputs: ['far', 'axes'], attrs: reduce },
      {
        name: 'y',
        op: 'StatelessIf',
        inputs: ['any', 'x'],
        attrs: {
          Tcond: typeAttr('bool'),
          Tin: typesAttr([type]),
          Tout: typesAttr([type]),
          then_branch: functionAttr('sum_of_all'),
          else_branch: functionAttr('twice'),
        },
      },
    ],
    functions: [
      {
        ...branch,
        name: 'sum_of_all',
        nodes: [
          axes,
          number('zero', 0),
          { name: 'sum', op: 'Sum', inputs: ['x', 'axes:output:0'], attrs: { ...reduce, T } },
          { name: 'none', op: 'Mul', inputs: ['x', 'zero:output:0'], attrs: { T } },
          { name: 'all', op: 'AddV2', inputs: ['none:z:0', 'sum:output:0'], attrs: { T } },
        ],
        returns: { y: 'all:z:0' },
      },
      {
        ...branch,
        name: 'twice',
        nodes: [number('two', 2), { name: 'double', op: 'Mul', inputs: ['x', 'two:output:0'], attrs: { T } }],
        returns: { y: 'double:z:0' },
      },
    ],
    signatures: { serving_default: { inputs: { x: info('x:0') }, outputs: { y: info('y:0') } } },
  });
}

/** Version 1 of the model of floats, as model.json with its weights. */
export function writeFarJsonModel(base: string): void {
  const type = { type: 'DT_FLOAT' };
  const shape = { dim: [{ size: '-1' }, { size: String(WIDTH) }] };
  const scalar = { value: { tensor: { dtype: 'DT_FLOAT', tensorShape: {} } }, dtype: type };
  const list = {
    value: { tensor: { dtype: 'DT_INT32', tensorShape: { dim: [{ size: '2' }] } } },
    dtype: { type: 'DT_INT32' },
  };
  const reduce = { keep_dims: { b: false }, Tidx: { type: 'DT_INT32' } };
  const function_ = (name: string, nodeDef: readonly object[], tensor: string): object => ({
    signature: { name, inputArg: [{ name: 'x', type: 'DT_FLOAT' }], outputArg: [{ name: 'y', type: 'DT_FLOAT' }] },
    nodeDef,
    ret: { y: tensor },
  });
  const info = (name: string): object => ({ name: `${name}:0`, dtype: 'DT_FLOAT', tensorShape: shape });
  const model = {
    format: 'graph-model',
    modelTopology: {
      versions: { producer: 1882 },
      node: [
        { name: 'x', op: 'Placeholder', attr: { dtype: type, shape: { shape } } },
        { name: 'limit', op: 'Const', attr: scalar },
        { name: 'axes', op: 'Const', attr: list },
        { name: 'far', op: 'Greater', input: ['x', 'limit'], attr: { T: type } },
        { name: 'any', op: 'Any', input: ['far', 'axes'], attr: reduce },
        {
          name: 'y',
          op: 'StatelessIf',
          input: ['any', 'x'],
          attr: {
            Tcond: { type: 'DT_BOOL' },
            Tin: { list: { type: ['DT_FLOAT'] } },
            Tout: { list: { type: ['DT_FLOAT'] } },
            then_branch: { func: { name: 'sum_of_all' } },
            else_branch: { func: { name: 'twice' } },
          },
        },
      ],
      library: {
        function: [
          function_(
            'sum_of_all',
            [
              { name: 'all_axes', op: 'Const', attr: list },
              { name: 'zero', op: 'Const', attr: scalar },
              { name: 'sum', op: 'Sum', input: ['x', 'all_axes:output:0'], attr: { ...reduce, T: type } },
              { name: 'none', op: 'Mul', input: ['x', 'zero:output:0'], attr: { T: type } },
              { name: 'all', op: 'AddV2', input: ['none:z:0', 'sum:output:0'], attr: { T: type } },
            ],
            'all:z:0',
          ),
          function_(
            'twice',
            [
              { name: 'two', op: 'Const', attr: scalar },
              { name: 'double', op: 'Mul', input: ['x', 'two:output:0'], attr: { T: type } },
            ],
            'double:z:0',
          ),
        ],
      },
    },
    signature: { inputs: { x: info('x') }, outputs: { y: info('y') } },
    weightsManifest: [
      {
        paths: ['weights.bin'],
        weights: [
          { name: 'limit', shape: [], dtype: 'float32' },
          { name: 'axes', shape: [2], dtype: 'int32' },
          { name: 'all_axes', shape: [2], dtype: 'int32' },
          { name: 'zero', shape: [], dtype: 'float32' },
          { name: 'two', shape: [], dtype: 'float32' },
        ],
      },
    ],
  };
  const floats = (value: number): Buffer => Buffer.from(Float32Array.of(value).buffer);
  const axes = Buffer.from(Int32Array.of(0, 1).buffer);
  mkdirSync(join(base, '1'), { recursive: true });
  writeFileSync(join(base, '1', 'model.json'), JSON.stringify(model));
  writeFileSync(
    join(base, '1', 'weights.bin'),
    Buffer.concat([floats(LIMITS.floats), axes, axes, floats(0), floats(2)]),
  );
}
