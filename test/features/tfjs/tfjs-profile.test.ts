/** Profiles real models of TensorFlow by replicas in their own processes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { profileReplica } from '../../../src/backends/host/profile/profile-replica.ts';
import { machineTimeMs } from '../../../src/backends/host/worker-call.ts';
import type { OpProfile } from '../../../src/backends/op-profile.ts';
import { opsIn } from '../../../src/backends/tfjs/step-stats.ts';
import { bytesField, message, messageField, varintField } from '../../../src/codec/protobuf/wire-writer.ts';
import { modelProcesses } from '../../support/child-processes.ts';
import { tempDirectory } from '../../support/temp-directory.ts';
import { DIGITS_MODELS, TFJS_MODULE } from './tfjs-models.ts';

const START = 1_795_631_145_322_781_123n;

describe('TensorFlow’s trace of a run', () => {
  it('is read op by op from the first one’s start, whatever the device and the order', () => {
    const node = (name: string, label: string, atNanos: bigint, startRel: number, endRel: number): Uint8Array =>
      messageField(
        2,
        message(
          bytesField(1, name),
          varintField(2, 1),
          bytesField(8, label),
          varintField(13, START + atNanos),
          varintField(14, startRel),
          varintField(15, endRel),
        ),
      );
    const device = (...nodes: Uint8Array[]): Uint8Array => messageField(1, message(bytesField(1, '/cpu'), ...nodes));
    const metadata = messageField(
      1,
      message(
        device(node('b', 'b = Relu(a)', 2000n, 500, 1500), node('odd', 'a note', 9000n, 0, 10)),
        device(node('a', '[cpu 0.1MB] a = MatMul(x, w)', 0n, 1000, 1250)),
      ),
    );
    assert.deepEqual(opsIn(metadata), [
      { node: 'a', op: 'MatMul', startMs: 0, durationMs: 0.000_25 },
      { node: 'b', op: 'Relu', startMs: 0.0015, durationMs: 0.001 },
      { node: 'odd', op: 'odd', startMs: 0.008, durationMs: 0.000_01 },
    ]);
    assert.deepEqual(opsIn(new Uint8Array(0)), []);
  });
});

describe('a replica of a model of TensorFlow', () => {
  it('tells the ops of a SavedModel, from a process that is gone then', async () => {
    const startedAt = machineTimeMs();
    const profile = await replicaOf('digits_tensorflow');
    assert.deepEqual([profile.signatureName, profile.rows, profile.runs.length], ['serving_default', 32, 10]);
    let last = startedAt;
    for (const { startMs, durationMs, ops } of profile.runs) {
      assert.ok(startMs > last && startMs + durationMs <= machineTimeMs(), 'runs follow each other');
      last = startMs;
      // Their names depend on TensorFlow's optimizations for this processor.
      const kinds = ops.map(({ op }) => op);
      for (const kind of [/MatMul$/, /Softmax$/, /^ArgMax$/])
        assert.ok(
          kinds.some((each) => kind.test(each)),
          `${kinds}`,
        );
      assert.ok(ops.some(({ node }) => node.endsWith('/Softmax')));
      for (const op of ops) assert.ok(op.startMs >= 0 && op.startMs + op.durationMs <= durationMs);
    }
    assert.deepEqual(modelProcesses(), []);
  });

  it('tells the kernels of a model of TensorFlow.js, in their order', async () => {
    for (const [model, kinds] of [
      ['digits_tfjs', /^RealDiv \S*MatMul Add Relu \S*MatMul Add Softmax ArgMax$/],
      ['digits_layers', /MatMul Add Relu .*MatMul .*Add Softmax/],
    ] as const) {
      for (const { ops, durationMs } of (await replicaOf(model)).runs) {
        const names = ops.map(({ op }) => op).join(' ');
        assert.match(names, kinds);
        // The time of called kernels counts for those.
        assert.doesNotMatch(names, /Fused|__op/);
        assert.match(ops[0]!.node, /^1: \w+ → \[32,64\]$/);
        let last = 0;
        for (const { startMs, durationMs: lasts } of ops) {
          assert.ok(startMs >= last, names);
          last = startMs + lasts;
        }
        assert.ok(last <= durationMs);
      }
    }
  });

  it('says why there is none: it does not load, or zeros are no input', async (t) => {
    await assert.rejects(replicaOf('', tempDirectory(t)), { kind: 'load_failed', message: /holds neither/ });
    const examples = replicaOf('digits_tensorflow', undefined, 'classify');
    await assert.rejects(examples, { kind: 'invalid_request', message: /pixels .* is required/ });
    assert.deepEqual(modelProcesses(), []);
  });
});

function replicaOf(
  model: string,
  versionDirectory = `${DIGITS_MODELS}/${model}/1`,
  signatureName?: string,
): Promise<OpProfile> {
  const loadOptions = { intraOpThreads: 1, executionProvider: 'cpu' };
  return profileReplica({ versionDirectory, backendModule: TFJS_MODULE, loadOptions, signatureName, rows: 32 });
}
