import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ServeConfig } from '../../../../src/config/serve-config.ts';
import { managerOptions } from '../../../../src/models/lifecycle/manager-options.ts';
import { TRANSITION_POLICIES } from '../../../../src/models/versions/transition-policy.ts';
import { readConfig } from '../../../support/config-files.ts';

function read(...args: string[]): ServeConfig {
  const { config, errors } = readConfig(['--model=m=/m', ...args]);
  assert.equal(errors, undefined);
  return config!;
}

it('defaults are TensorFlow Serving’s, but for a failed load at the start', () => {
  assert.deepEqual(managerOptions(read(), { cores: 4, threadsPerLoad: 3 }), {
    pollIntervalMs: 1000,
    transitionPolicy: 'availability',
    loadThreads: 1,
    startLoadThreads: 1,
    unloadThreads: Infinity,
    maxLoadRetries: 5,
    loadRetryIntervalMs: 60_000,
    exitOnLoadFailure: false,
    allowUnavailableLabels: false,
  });
});

it('at the start loads have the cores, each with its threads', () => {
  assert.equal(managerOptions(read(), { cores: 8, threadsPerLoad: 2 }).startLoadThreads, 4);
  assert.equal(managerOptions(read(), { cores: 0.5, threadsPerLoad: 1 }).startLoadThreads, 1);
  assert.equal(managerOptions(read('--num_load_threads=6'), { cores: 4, threadsPerLoad: 1 }).startLoadThreads, 6);
});

it('units and signs of the command line are kept', () => {
  const options = managerOptions(
    read('--file_system_poll_wait_seconds=-1', '--load_retry_interval_micros=1500', '--num_unload_threads=2'),
    { cores: 1, threadsPerLoad: 1 },
  );
  assert.equal(options.pollIntervalMs, -1000);
  assert.equal(options.loadRetryIntervalMs, 1.5);
  assert.equal(options.unloadThreads, 2);
});

it('every transition policy can be asked for', () => {
  for (const policy of TRANSITION_POLICIES) {
    const options = read(`--version_transition_policy=${policy}`);
    assert.equal(managerOptions(options, { cores: 1, threadsPerLoad: 1 }).transitionPolicy, policy);
  }
  assert.match(readConfig(['--model=m=/m', '--version_transition_policy=x']).errors!.join(), /availability/);
});
