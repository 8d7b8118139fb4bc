import assert from 'node:assert/strict';
import { it } from 'node:test';
import { childEnvironment } from '../../../../../src/backends/host/process/start-child.ts';

const LOAD = { intraOpThreads: 3, executionProvider: 'cpu' };

it('a model’s process gets what runtimes read, and nothing that is the server’s own', () => {
  const passed = { PATH: '/bin', LD_LIBRARY_PATH: '/lib', CUDA_VISIBLE_DEVICES: '0', MALLOC_MMAP_THRESHOLD_: '1' };
  const own = {
    AWS_SECRET_ACCESS_KEY: 'x',
    PILLION_STATE_DIR: '/s',
    NODE_OPTIONS: '--inspect',
    TFX: '1',
    GONE: undefined,
  };
  assert.deepEqual(childEnvironment({ ...passed, ...own }, LOAD), {
    ...passed,
    TF_CPP_MIN_LOG_LEVEL: '2',
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
