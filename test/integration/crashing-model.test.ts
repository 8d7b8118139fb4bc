/** Files that crash their runtime, in a sidecar of its own: published beside others, and again at each start. */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, it } from 'node:test';
import { FREE_PORTS } from '../../bench/support/launcher.ts';
import { fakeModelFlag } from '../support/fake-model.ts';
import { floats, type Graph, graphModel, node } from '../support/onnx-graph.ts';
import { killSidecars, runPillion, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';

afterEach(killSidecars);

const ENDS: Pick<Graph, 'inputs' | 'outputs'> = {
  inputs: { x: { type: 'float', dims: ['n'] } },
  outputs: { y: { type: 'float', dims: ['n'] } },
};
const HALF_PLUS_TWO: Graph = {
  ...ENDS,
  constants: { half: floats([0.5], [1]), two: floats([2], [1]) },
  nodes: [node('Mul', 'x half', 'm'), node('Add', 'm two', 'y')],
};
/** ONNX Runtime reads beyond the inputs of this Einsum, and is ended by a signal. */
const CRASHES: Graph = {
  ...ENDS,
  constants: { two: floats([2], [1]), matrix: floats([1, 2, 3, 4], [2, 2]) },
  nodes: [
    node('Add', 'x two', 's'),
    node('Einsum', 's matrix', 'e', { equation: '...i,...i->...' }),
    node('Relu', 'e', 'r'),
    node('Neg', 'r', 'y'),
  ],
};

function writeVersion(directory: string, graph: Graph): string {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'model.onnx'), graphModel(graph));
  return directory;
}

async function predict({ rest }: Sidecar, model: string): Promise<readonly [number, unknown]> {
  const body = '{"instances": [2]}';
  const answer = await fetch(`${rest}/v1/models/${model}:predict`, { method: 'POST', body });
  return [answer.status, await answer.json()];
}

it('a version that crashes its runtime is not loaded; the older one and its neighbours go on', async (t) => {
  const directory = tempDirectory(t);
  for (const model of ['m', 'neighbour']) writeVersion(join(directory, model, '1'), HALF_PLUS_TWO);
  const models = ['m', 'neighbour'].map((name) => `--model=${name}=${join(directory, name)}`);
  const sidecar = await startSidecar([...models, '--file_system_poll_wait_seconds=1']);
  let isOver = false;
  const seen = new Set<number>();
  const calling = (async () => {
    while (!isOver) for (const model of ['m', 'neighbour']) seen.add((await predict(sidecar, model))[0]);
  })();

  renameSync(writeVersion(join(directory, 'next'), CRASHES), join(directory, 'm', '2'));
  const failed = await sidecar.line(({ msg }) => msg === 'model version failed to load');
  assert.equal(failed.level, 'error');
  const { message } = failed['err'] as { message: string };
  assert.match(message, /m\/2" crashes its runtime, as was seen in a process of its own .*\(signal SIG[A-Z]+\)/);
  const tries = sidecar.lines.filter(({ msg }) => msg === 'model version did not load; it is tried again');
  assert.equal(tries.length, 1);

  isOver = true;
  await calling;
  assert.deepEqual([...seen], [200]);
  assert.deepEqual(await predict(sidecar, 'm'), [200, { predictions: [3] }]);
  assert.equal(await sidecar.stop(), 0);
});

it('at a cold start a graph that may crash its runtime ends no other model', async (t) => {
  const directory = tempDirectory(t);
  writeVersion(join(directory, 'good', '1'), HALF_PLUS_TWO);
  writeVersion(join(directory, 'bad', '1'), CRASHES);
  const sidecar = await startSidecar(['good', 'bad'].map((name) => `--model=${name}=${join(directory, name)}`));
  assert.deepEqual(await predict(sidecar, 'good'), [200, { predictions: [3] }]);
  const [, status] = await predict(sidecar, 'bad');
  assert.match(JSON.stringify(status), /crashes its runtime/);
  assert.equal(await sidecar.stop(), 0);
});

it('a model that has ended the server in its load ends it once: the next start tries it in a process', async (t) => {
  const directory = tempDirectory(t);
  writeVersion(join(directory, 'good', '1'), HALF_PLUS_TWO);
  const args = [
    `--model=good=${join(directory, 'good')}`,
    fakeModelFlag(t, 'bad', '', 'fake-backend', { faults: [{ whenFirstIs: 0, effect: 'abort' }] }),
    `--state_dir=${join(directory, 'state')}`,
  ];
  assert.equal(await runPillion(['serve', ...FREE_PORTS, ...args]).exited, 'SIGABRT');
  const sidecar = await startSidecar(args);
  assert.deepEqual(await predict(sidecar, 'good'), [200, { predictions: [3] }]);
  const { reason } = await sidecar.line(({ msg }) => msg === 'loads in a process of its own first');
  assert.equal(reason, 'the server ended in its last load');
  const failed = await sidecar.line(({ msg }) => msg === 'model version failed to load');
  assert.match(JSON.stringify(failed['err']), /run with 1 row of zeros \(signal SIGABRT\)/);
  assert.equal(await sidecar.stop(), 0);
});

it('a request whose integers crash the runtime ends no other model, and its own caller is told', async (t) => {
  const directory = tempDirectory(t);
  writeVersion(join(directory, 'good', '1'), HALF_PLUS_TWO);
  const ints = { type: 'int64', dims: ['n'] } as const;
  writeVersion(join(directory, 'ratio', '1'), {
    inputs: { x: ints, d: ints },
    outputs: { y: ints },
    nodes: [node('Div', 'x d', 'y')],
  });
  const sidecar = await startSidecar(['good', 'ratio'].map((name) => `--model=${name}=${join(directory, name)}`));
  const divide = async (x: string, d: string): Promise<readonly [number, string]> => {
    const body = `{"instances": [{"x": ${x}, "d": ${d}}]}`;
    const answer = await fetch(`${sidecar.rest}/v1/models/ratio:predict`, { method: 'POST', body });
    return [answer.status, await answer.text()];
  };
  assert.deepEqual(await divide('7', '2'), [200, '{"predictions":[3]}']);
  const [status, text] = await divide('-9223372036854775808', '-1');
  assert.equal(status, 500);
  assert.match(text, /died \(signal SIGFPE\) of the run itself; do not send it again/);
  assert.deepEqual(await predict(sidecar, 'good'), [200, { predictions: [3] }]);
  await sidecar.line(({ msg }) => msg === 'worker restarted');
  assert.deepEqual(await divide('9', '2'), [200, '{"predictions":[4]}']);
  assert.equal(await sidecar.stop(), 0);
});
