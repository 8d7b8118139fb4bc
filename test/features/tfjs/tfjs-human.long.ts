/**
 * The graph models of an npm package, as they are, on a real photo: do they find the same faces when Pillion runs them?
 *
 *   photo ──▶ @vladmandic/human ──▶ its five models, in this process        ──▶ faces
 *                   │ each call written down
 *                   ▼
 *             the same calls to `pillion serve`, over gRPC                  ──▶ answers
 *                                                  │
 *   photo ──▶ @vladmandic/human ──▶ given those answers for its models'     ──▶ faces, the same
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { after, it } from 'node:test';
import { credentials } from '@grpc/grpc-js';
import { tfjsNodeDirectory } from '../../../src/backends/tfjs/natives.ts';
import { openTfjs } from '../../../src/backends/tfjs/tfjs-library.ts';
import { type Answer, clientClass, PREDICTION } from '../../support/grpc-harness.ts';
import { killSidecars, startSidecar } from '../../support/sidecar.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

/** Where the package is installed: scripts/lib/suites.mjs. */
const PACKAGES = process.env['PILLION_TEST_HUMAN']!;
const HUMAN = join(PACKAGES, 'node_modules', '@vladmandic', 'human');
const MODELS = ['blazeface', 'facemesh', 'iris', 'faceres', 'emotion'];
const FACES = 4;
/** TensorFlow may add in another order where it has other threads. */
const TOLERANCE = 1e-4;

interface Call {
  readonly model: string;
  readonly input: Answer;
  readonly outputs: readonly Answer[];
  /** Of the signature, in the order of `outputs`. */
  readonly names: readonly string[];
}

after(killSidecars);

it("finds the faces that the package's own code finds", async (t) => {
  const tf: Answer = openTfjs(1);
  const human = await openHuman();
  const photo = tf.node.decodeImage(readFileSync(join(HUMAN, 'assets', 'samples.jpg')), 3);
  const { execute } = tf.GraphModel.prototype;
  t.after(() => {
    tf.GraphModel.prototype.execute = execute;
  });
  const calls: Call[] = [];
  tf.GraphModel.prototype.execute = function (this: Answer, input: Answer, ...rest: unknown[]): Answer {
    const given = execute.call(this, input, ...rest);
    calls.push(writtenDown(this, input, given));
    return given;
  };
  const own = facesOf(await human.detect(photo));
  assert.equal(own.length, FACES);

  const answers = await askPillion(modelFolder(t), calls);
  let largest = 0;
  for (const [i, call] of calls.entries()) largest = Math.max(largest, difference(call.outputs, answers[i]!));
  t.diagnostic(`${calls.length} calls of ${MODELS.length} models; largest difference of an output: ${largest}`);
  assert.ok(largest < TOLERANCE);

  let next = 0;
  tf.GraphModel.prototype.execute = (): Answer => {
    const tensors = answers[next++]!.map(({ data, shape }) => tf.tensor(data, shape, 'float32'));
    return tensors.length === 1 ? tensors[0] : tensors;
  };
  const ours = facesOf(await human.detect(photo));
  assert.equal(next, calls.length);
  assert.deepEqual(ours, own);
});

async function openHuman(): Promise<Answer> {
  const scope = join(PACKAGES, 'node_modules', '@tensorflow');
  mkdirSync(scope, { recursive: true });
  try {
    symlinkSync(tfjsNodeDirectory(), join(scope, 'tfjs-node'));
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'EEXIST');
  }
  const { Human } = createRequire(join(PACKAGES, 'package.json'))('@vladmandic/human');
  const off = { enabled: false };
  const human = new Human({
    modelBasePath: `file://${HUMAN}/models/`,
    debug: false,
    // Each detect computes everything.
    cacheSensitivity: 0,
    filter: off,
    body: off,
    hand: off,
    object: off,
    gesture: off,
    segmentation: off,
    face: { detector: { maxDetected: 20 } },
  });
  await human.load();
  return human;
}

function writtenDown(model: Answer, input: Answer, given: Answer): Call {
  const tensors = [given].flat();
  const signature = Object.entries<Answer>(model.modelSignature?.outputs ?? {});
  const names = model.outputs.map(({ name }: Answer) => {
    const entry = signature.find(([, info]) => info.name.replace(/:0$/, '') === name.replace(/:0$/, ''));
    return entry?.[0] ?? name;
  });
  const copy = (tensor: Answer): Answer => ({ shape: tensor.shape, data: tensor.dataSync().slice() });
  const name = /([^/]+)\.json$/.exec(model.modelUrl)![1]!;
  return { model: name, input: copy(input), outputs: tensors.map(copy), names };
}

/** Boxes, scores, ages and all else, but no clocks. */
function facesOf(result: Answer): readonly Answer[] {
  assert.equal(result.error, null);
  return result.face.map(({ tensor, ...face }: Answer) => JSON.parse(JSON.stringify(face)));
}

function modelFolder(t: Parameters<typeof tempDirectory>[0]): string {
  const folder = tempDirectory(t);
  for (const name of MODELS) {
    const version = join(folder, name, '1');
    mkdirSync(version, { recursive: true });
    cpSync(join(HUMAN, 'models', `${name}.json`), join(version, 'model.json'));
    cpSync(join(HUMAN, 'models', `${name}.bin`), join(version, `${name}.bin`));
  }
  return folder;
}

/** The outputs of each call, in its order. */
async function askPillion(folder: string, calls: readonly Call[]): Promise<readonly (readonly Answer[])[]> {
  const sidecar = await startSidecar(MODELS.map((name) => `--model=${name}=${join(folder, name)}`));
  const Client = clientClass(PREDICTION);
  const client: Answer = new Client(sidecar.grpc, credentials.createInsecure());
  const inputNames = new Map<string, string>();
  for (const name of MODELS) {
    const { metadata } = (await (await fetch(`${sidecar.rest}/v1/models/${name}/metadata`)).json()) as Answer;
    inputNames.set(name, Object.keys(metadata.signature_def.signature_def.serving_default.inputs)[0]!);
  }
  const answers: Answer[][] = [];
  for (const { model, input, names } of calls) {
    const { outputs } = await predict(client, model, inputNames.get(model)!, input);
    answers.push(names.map((name) => tensorOf(outputs[name])));
  }
  client.close();
  assert.equal(await sidecar.stop(), 0);
  return answers;
}

function predict(client: Answer, model: string, inputName: string, { shape, data }: Answer): Promise<Answer> {
  const dim = shape.map((size: number) => ({ size, name: '' }));
  const tensor_content = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const inputs = { [inputName]: { dtype: 'DT_FLOAT', tensor_shape: { dim }, tensor_content } };
  return new Promise((resolve, reject) => {
    client.Predict({ model_spec: { name: model }, inputs }, (error: Error | null, answer: Answer) =>
      error === null ? resolve(answer) : reject(error),
    );
  });
}

function tensorOf({ tensor_shape, float_val, tensor_content }: Answer): Answer {
  const shape = tensor_shape.dim.map(({ size }: Answer) => Number(size));
  if (float_val.length > 0) return { shape, data: Float32Array.from(float_val) };
  return { shape, data: new Float32Array(new Uint8Array(tensor_content).buffer) };
}

function difference(expected: readonly Answer[], actual: readonly Answer[]): number {
  let largest = 0;
  for (const [i, { shape, data }] of expected.entries()) {
    assert.deepEqual(actual[i].shape, shape);
    for (let k = 0; k < data.length; k++) largest = Math.max(largest, Math.abs(data[k] - actual[i].data[k]));
  }
  return largest;
}
