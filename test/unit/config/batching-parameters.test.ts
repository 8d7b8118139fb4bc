import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigFiles, configOf, errorsOf } from '../../support/config-files.ts';

const BASE = ['--model_base_path=/models/m'];

describe('--batching_parameters_file', () => {
  it('sets what it says and leaves the rest to the server', (t) => {
    const path = new ConfigFiles(t).write(
      'batching.config',
      'max_batch_size { value: 128 }\nbatch_timeout_micros { value: 500 }\nmax_enqueued_batches { value: 0 }\nnum_batch_threads { value: 3 }\nallowed_batch_sizes: [1, 128]',
    );
    const { options, origins, warnings } = configOf([...BASE, `--batching_parameters_file=${path}`]);
    assert.equal(options.max_batch_size, 128);
    assert.equal(options.batch_timeout_micros, 500);
    assert.equal(options.max_enqueued_batches, 1);
    assert.equal(options.num_batch_threads, 3);
    assert.deepEqual(options.allowed_batch_sizes, [1, 128]);
    assert.equal(origins.get('max_batch_size')!.place, `${path}:1:1`);
    assert.deepEqual(warnings, []);
    const empty = new ConfigFiles(t).write('empty.config', '');
    assert.equal(configOf([...BASE, `--batching_parameters_file=${empty}`]).options.max_batch_size, 64);
  });

  it('stands behind the command line and the environment', (t) => {
    const path = new ConfigFiles(t).write('b', 'max_batch_size { value: 128 } batch_timeout_micros { value: 5 }');
    const args = [...BASE, `--batching_parameters_file=${path}`, '--max_batch_size=8'];
    const { options } = configOf(args, { PILLION_BATCH_TIMEOUT_MICROS: '7' });
    assert.equal(options.max_batch_size, 8);
    assert.equal(options.batch_timeout_micros, 7);
  });

  it('takes pad_variable_length_inputs', (t) => {
    const path = new ConfigFiles(t).write('b', 'pad_variable_length_inputs: true');
    const { options, warnings } = configOf([...BASE, `--batching_parameters_file=${path}`]);
    assert.equal(options.pad_variable_length_inputs, true);
    assert.deepEqual(warnings, []);
  });

  it('takes max_execution_batch_size for the size of a run, with splitting', (t) => {
    const text =
      'max_batch_size { value: 1000 } enable_large_batch_splitting { value: true } max_execution_batch_size { value: 32 } allowed_batch_sizes: 32';
    const path = new ConfigFiles(t).write('b', text);
    const { options, warnings } = configOf([...BASE, `--batching_parameters_file=${path}`]);
    assert.equal(options.max_batch_size, 32);
    assert.match(warnings.join(), /:1:1: max_batch_size bounds no request here/);
  });

  for (const [text, warning] of [
    ['enable_large_batch_splitting { value: false }', /always cut/],
    ['thread_pool_name { value: "x" }', /thread_pool_name has no effect/],
    ['max_execution_batch_size { value: 8 }', /has no effect without enable_large_batch_splitting/],
  ] as const) {
    it(`says that ${text} is not honoured`, (t) => {
      const path = new ConfigFiles(t).write('b', text);
      assert.match(configOf([...BASE, `--batching_parameters_file=${path}`]).warnings.join(), warning);
    });
  }

  for (const [text, error] of [
    ['max_batch_size: 5', /b:1:17: max_batch_size is a message and wants "\{"/],
    ['max_batch_size { value: 0 }', /b:1:1: max_batch_size 0 is out of range; 1 to/],
    ['num_batch_threads { value: 5000 }', /out of range; 1 to 1024/],
    ['batch_timeout_micros { value: -1 }', /out of range/],
    ['allowed_batch_sizes: [4, 2]', /b:1:26: allowed_batch_sizes must ascend from 1, but 2 follows 4/],
    ['max_batch_size { value: 8 } allowed_batch_sizes: 4', /is 4, but max_batch_size is 8; make them equal/],
    [
      'max_batch_size { value: 8 } enable_large_batch_splitting { value: true } max_execution_batch_size { value: 9 }',
      /max_execution_batch_size 9 is more than max_batch_size 8/,
    ],
  ] as const) {
    it(`refuses ${text}`, (t) => {
      const path = new ConfigFiles(t).write('b', text);
      assert.match(errorsOf([...BASE, `--batching_parameters_file=${path}`]).join(), error);
    });
  }

  it('wants batching to be on', (t) => {
    const path = new ConfigFiles(t).write('b', '');
    const args = [...BASE, `--batching_parameters_file=${path}`, '--enable_batching=false'];
    assert.match(errorsOf(args).join(), /has a meaning only with batching/);
  });
});
