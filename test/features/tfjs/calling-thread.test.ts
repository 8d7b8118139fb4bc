/** The calling thread schedules SavedModels: deep, wide and looping graphs must still work. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { startThreadHost } from '../../../src/backends/host/thread/thread-host.ts';
import { varintField } from '../../../src/codec/protobuf/wire-writer.ts';
import { systemClock } from '../../../src/core/clock.ts';
import {
  shapeAttr,
  type TfModel,
  type TfNode,
  tensorAttr,
  tensorProto,
  typeAttr,
  writeSavedModel,
} from '../../support/saved-model.ts';
import { tempDirectory } from '../../support/temp-directory.ts';
import { floats, loadTfjs, numbersOf, runAll, TFJS_MODULE } from './tfjs-models.ts';

const LAYERS = 1000;
const TURNS = 20_000;
const T = { T: typeAttr('float32') };

it('a graph of thousands of layers that each branch runs on a thread, whose stack is small', async (t) => {
  const host = await startThreadHost({
    ...{
      model: 'm',
      versionDirectory: written(t, deepModel()),
      backendModule: TFJS_MODULE,
      slots: 1,
      clock: systemClock,
    },
    loadOptions: { intraOpThreads: 1, executionProvider: 'cpu' },
  });
  t.after(() => host.close());
  const inputs = new Map([['x', floats([1, 2, 3, 4], [2, 2])]]);
  const batch = { signatureName: 'serving_default', inputs, outputs: ['y'], size: 1, deadline: Infinity };
  assert.deepEqual(numbersOf((await host.executor.run(batch)).outputs.get('y')), [1, 2, 3, 4]);
});

it('a loop in the graph runs to its end', async (t) => {
  const session = await loadTfjs(t, written(t, loopModel()));
  assert.deepEqual(numbersOf((await runAll(session, { x: floats([0], []) }))['y']), [TURNS]);
});

function written(t: TestContext, model: TfModel): string {
  const directory = join(tempDirectory(t), '1');
  writeSavedModel(directory, model);
  return directory;
}

/** Each layer is the maximum of two products of the layer before with the identity. */
function deepModel(): TfModel {
  const nodes = [placeholder([2, 2]), constant('one', [2, 2], [1, 0, 0, 1])];
  let last = 'x';
  for (let i = 0; i < LAYERS; i++) {
    const [left, right] = [`left${i}`, `right${i}`];
    nodes.push({ name: left, op: 'MatMul', inputs: [last, 'one'], attrs: T });
    nodes.push({ name: right, op: 'MatMul', inputs: ['one', last], attrs: T });
    nodes.push({ name: `layer${i}`, op: 'Maximum', inputs: [left, right], attrs: T });
    last = `layer${i}`;
  }
  nodes.push({ name: 'y', op: 'Identity', inputs: [last], attrs: T });
  return modelOf(nodes, [2, 2]);
}

/** y = x + 1 + 1 …, until it reaches TURNS. */
function loopModel(): TfModel {
  const frame = (isConstant: boolean): TfNode['attrs'] => ({
    ...T,
    frame_name: new TextEncoder().encode('\x12\x04loop'),
    ...(isConstant && { is_constant: varintField(5, true) }),
  });
  return modelOf(
    [
      placeholder([]),
      constant('limit', [], [TURNS]),
      constant('step', [], [1]),
      { name: 'enter', op: 'Enter', inputs: ['x'], attrs: frame(false) },
      { name: 'limit_in', op: 'Enter', inputs: ['limit'], attrs: frame(true) },
      { name: 'step_in', op: 'Enter', inputs: ['step'], attrs: frame(true) },
      { name: 'merge', op: 'Merge', inputs: ['enter', 'next'], attrs: { ...T, N: varintField(3, 2) } },
      { name: 'less', op: 'Less', inputs: ['merge', 'limit_in'], attrs: T },
      { name: 'goes_on', op: 'LoopCond', inputs: ['less'], attrs: {} },
      { name: 'switch', op: 'Switch', inputs: ['merge', 'goes_on'], attrs: T },
      { name: 'add', op: 'AddV2', inputs: ['switch:1', 'step_in'], attrs: T },
      { name: 'next', op: 'NextIteration', inputs: ['add'], attrs: T },
      { name: 'y', op: 'Exit', inputs: ['switch'], attrs: T },
    ],
    [],
  );
}

function modelOf(nodes: readonly TfNode[], shape: readonly number[]): TfModel {
  const place = (name: string) => ({ [name]: { name: `${name}:0`, dtype: 'float32' as const, shape } });
  return { nodes, signatures: { serving_default: { inputs: place('x'), outputs: place('y') } } };
}

function placeholder(shape: readonly number[]): TfNode {
  return { name: 'x', op: 'Placeholder', attrs: { dtype: typeAttr('float32'), shape: shapeAttr(shape) } };
}

function constant(name: string, shape: readonly number[], values: readonly number[]): TfNode {
  const value = tensorAttr(tensorProto('float32', shape, new Uint8Array(Float32Array.from(values).buffer)));
  return { name, op: 'Const', attrs: { dtype: typeAttr('float32'), value } };
}
