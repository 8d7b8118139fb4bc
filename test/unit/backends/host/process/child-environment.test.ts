import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { childEnvironment, PASSED_NAMES } from '../../../../../src/backends/host/process/child-environment.ts';
import { nativesDirectory } from '../../../../../src/backends/natives-directory.ts';
import { cudaLibraryDirectory } from '../../../../../src/backends/onnx/cuda-natives.ts';

const LOAD = { intraOpThreads: 3, executionProvider: 'cpu' };

it('a model’s process gets what runtimes read, and nothing that is the server’s own', () => {
  const passed = { PATH: '/bin', LD_LIBRARY_PATH: '/lib', CUDA_VISIBLE_DEVICES: '0', MALLOC_MMAP_THRESHOLD_: '1' };
  const own = {
    AWS_SECRET_ACCESS_KEY: 'x',
    PILLION_STATE_DIR: '/s',
    NODE_OPTIONS: '--inspect',
    TFX: '1',
    TF_VAR_password: 'x',
    CUDA_TOKEN: 'x',
    LD_TOKEN: 'x',
    GONE: undefined,
  };
  assert.deepEqual(childEnvironment({ ...passed, ...own }, LOAD), {
    ...passed,
    TF_CPP_MIN_LOG_LEVEL: '2',
    PILLION_NATIVES_DIRECTORY: nativesDirectory(),
    TF_NUM_INTRAOP_THREADS: '3',
    TF_NUM_INTEROP_THREADS: '1',
    OMP_NUM_THREADS: '3',
  });
});

it('threads are the budget’s, TensorFlow’s log is the user’s', () => {
  const own = { OMP_NUM_THREADS: '64', TF_NUM_INTRAOP_THREADS: '64', TF_CPP_MIN_LOG_LEVEL: '0' };
  const environment = childEnvironment(own, LOAD);
  assert.deepEqual([environment['OMP_NUM_THREADS'], environment['TF_NUM_INTRAOP_THREADS']], ['3', '3']);
  assert.equal(environment['TF_CPP_MIN_LOG_LEVEL'], '0');
});

it('a process on CUDA looks for libraries in CUDA’s folder first', () => {
  const onCuda = { ...LOAD, executionProvider: 'cuda' };
  const path = (own: Record<string, string>) => childEnvironment(own, onCuda)['LD_LIBRARY_PATH'];
  assert.equal(path({}), cudaLibraryDirectory());
  assert.equal(path({ LD_LIBRARY_PATH: '/lib:/more' }), `${cudaLibraryDirectory()}:/lib:/more`);
});

it('passes the names that the operator adds, and their values only', () => {
  const environment = childEnvironment({ HF_TOKEN: 'x', HF_TOKEN_2: 'y' }, LOAD, ['HF_TOKEN']);
  assert.deepEqual([environment['HF_TOKEN'], environment['HF_TOKEN_2']], ['x', undefined]);
});

it('docs/why/hosts.md lists the names that are passed on', () => {
  const text = readFileSync('docs/why/hosts.md', 'utf8').split('**Environment.**')[1]!.split('## Limitations')[0]!;
  for (const name of PASSED_NAMES) assert.ok(text.includes(`\`${name}\``), name);
});
