/** The fixes of scripts/natives/tfjs in tfjs-node's binding. All but the last fail on the published binding. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { describe, it, type TestContext } from 'node:test';
import { collectGarbage } from '../../../src/api/contract/collect-garbage.ts';
import { type NativeBinding, openBinding } from '../../../src/backends/tfjs/native-binding.ts';
import { tfjsNodeDirectory } from '../../../src/backends/tfjs/natives.ts';
import {
  shapeAttr,
  type TfModel,
  tensorAttr,
  tensorProto,
  typeAttr,
  writeSavedModel,
} from '../../support/saved-model.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

/** The functions that tfjs-node's JavaScript calls. */
interface Published extends NativeBinding {
  readonly TF_FLOAT: number;
  readonly TF_STRING: number;
  createTensor(shape: readonly number[], dtype: number, data: Float32Array | readonly Uint8Array[]): number;
  tensorDataSync(id: number): readonly Uint8Array[];
  deleteTensor(id: number): void;
  runSavedModel(model: number, inputs: readonly number[], inputNames: string, outputNames: string): { id: number }[];
}

const binding = openBinding(1) as Published;
/** 256 KiB. */
const ELEMENTS = 2 ** 16;
/** TensorFlow's string object holds up to 22 bytes; longer strings are allocated. */
const LONG = 'a label of more than twenty-two bytes';

describe("tfjs-node's binding", () => {
  it("leaves a model's own strings alone when an output that shares them is disposed of", (t) => {
    const model = open(t);
    for (let i = 0; i < 3; i++) {
      const input = binding.createTensor([2], binding.TF_FLOAT, Float32Array.of(1, 2));
      const [output] = binding.runSavedModel(model, [input], 'x:0', 'label:0');
      assert.equal(Buffer.from(binding.tensorDataSync(output!.id)[0]!).toString(), LONG);
      binding.deleteTensor(output!.id);
      binding.deleteTensor(input);
    }
  });

  it('lets go of the inputs of a run that fails', (t) => {
    const model = open(t);
    const runWrongly = (runs: number): number => {
      for (let i = 0; i < runs; i++) {
        const input = binding.createTensor([ELEMENTS], binding.TF_FLOAT, new Float32Array(ELEMENTS));
        assert.throws(() => binding.runSavedModel(model, [input], 'x:0', 'sum:0'), /Session fail to run/);
        binding.deleteTensor(input);
      }
      collectGarbage();
      return process.memoryUsage.rss();
    };
    const before = runWrongly(100);
    const after = runWrongly(1000);
    // A leak would be 256 MiB.
    assert.ok(after - before < 2 ** 26, `resident memory grew from ${before} to ${after} bytes`);
  });

  it('refuses strings that do not fill their shape', () => {
    assert.throws(() => binding.createTensor([3], binding.TF_STRING, [Buffer.from('a')]), /[Ss]hape/);
  });

  it('lets a process end in which a thread alone has loaded it', () => {
    const code = "try { binding.executeOp('NoSuch', [], [], 0); } catch {}";
    assert.equal(evaluate(`${WORKER} startWorker(${JSON.stringify(code)});`), '');
  });

  it('may be used by several threads at once', () => {
    assert.equal(evaluate(MANY_THREADS), '');
  });
});

/** Runs the code in its own process, which must exit with 0, and returns its output. */
function evaluate(code: string): string {
  const path = join(tfjsNodeDirectory(), 'lib', 'napi-v8', 'tfjs_binding.node');
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['-e', code, path], { encoding: 'utf8' });
  assert.deepEqual([status, signal], [0, null], stderr);
  return stdout;
}

const WORKER = `
const { Worker } = require('node:worker_threads');
function startWorker(code, thread) {
  const load = 'const { workerData: { path, thread } } = require("node:worker_threads"); const binding = require(path);';
  return new Worker(load + code, { eval: true, workerData: { path: process.argv[1], thread } });
}`;

/**
 * All threads share a set of attribute names: each call here adds many, in neighbouring places.
 * (The missing lock of the published binding shows only when two threads meet within nanoseconds.)
 */
const MANY_THREADS = `${WORKER}
const code = \`
  for (let i = 0; i < 20; i++) {
    const attributes = Array.from({ length: 1000 }, (_, k) => {
      return { name: 'attribute ' + (1e6 + 1000 * i + k) + ' of ' + thread, type: binding.TF_ATTR_BOOL, value: true };
    });
    try { binding.executeOp('NoOp', attributes, [], 0); } catch {}
  }
\`;
for (let thread = 0; thread < 4; thread++) startWorker(code, thread);
`;

/** x → the label, a constant of the graph, and x + [1, 1], which needs two elements. */
function open(t: TestContext): number {
  const directory = tempDirectory(t);
  writeSavedModel(directory, MODEL);
  const model = binding.loadSavedModel(directory, 'serve');
  t.after(() => binding.deleteSavedModel(model));
  return model;
}

const ones = tensorProto('float32', [2], new Uint8Array(Float32Array.of(1, 1).buffer));
const label = tensorProto('string', [1], Buffer.from(LONG));
const MODEL: TfModel = {
  nodes: [
    { name: 'x', op: 'Placeholder', attrs: { dtype: typeAttr('float32'), shape: shapeAttr([-1]) } },
    { name: 'ones', op: 'Const', attrs: { dtype: typeAttr('float32'), value: tensorAttr(ones) } },
    { name: 'text', op: 'Const', attrs: { dtype: typeAttr('string'), value: tensorAttr(label) } },
    { name: 'sum', op: 'AddV2', inputs: ['x', 'ones'], attrs: { T: typeAttr('float32') } },
    { name: 'label', op: 'Identity', inputs: ['text'], attrs: { T: typeAttr('string') } },
  ],
  signatures: {},
};
