/** Field numbers of the configuration messages that no package publishes descriptors of. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { protoMessage } from '../../../../src/codec/protobuf/proto-messages.ts';

const WANTED: Readonly<Record<string, string>> = {
  SSLConfig: 'server_key=1 server_cert=2 custom_ca=3 client_verify=4',
  MonitoringConfig: 'prometheus_config=1',
  PrometheusConfig: 'enable=1 path=2',
  BatchingParameters:
    'max_batch_size=1 batch_timeout_micros=2 max_enqueued_batches=3 num_batch_threads=4 thread_pool_name=5 allowed_batch_sizes=6 pad_variable_length_inputs=7 enable_large_batch_splitting=8 max_execution_batch_size=9',
};

for (const [name, wanted] of Object.entries(WANTED)) {
  test(`${name} has TensorFlow Serving’s field numbers`, () => {
    const { fields } = protoMessage(`tensorflow.serving.${name}`);
    assert.equal(fields.map((field) => `${field.name}=${field.number}`).join(' '), wanted);
  });
}
