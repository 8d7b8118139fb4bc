import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { NO_SANDBOX, type Sandbox } from '../../../src/backends/host/process/sandbox.ts';
import { profileReplica } from '../../../src/backends/host/profile/profile-replica.ts';
import { siblingModule } from '../../../src/backends/host/sibling-module.ts';
import { machineTimeMs } from '../../../src/backends/host/worker-call.ts';
import { runsIn } from '../../../src/backends/onnx/ort-profile.ts';
import { modelProcesses } from '../../support/child-processes.ts';
import { tempDirectory } from '../../support/temp-directory.ts';
import { until } from '../../support/turns.ts';

const DIGITS = 'examples/digits/models/digits/1';
const LOAD = { intraOpThreads: 1, executionProvider: 'cpu' };

/** A backend whose profiled load lasts for ever. */
const STUCK = `export const backend = {
  kind: 'stuck',
  probe: async () => true,
  load: () => backend.loadProfiled(),
  loadProfiled: () => new Promise(() => setInterval(() => undefined, 60_000)),
};`;

/** For the profiles of this file alone: other processes have theirs in the usual place meanwhile. */
const temporary = mkdtempSync(join(tmpdir(), 'pillion-'));
process.env['TMPDIR'] = temporary;
after(() => rmSync(temporary, { recursive: true, force: true }));

const leftovers = (): string[] => readdirSync(temporary).filter((name) => name.startsWith('pillion-profile-'));

/** It counts the processes that are started. */
class CountingSandbox implements Sandbox {
  readonly requiredBy = undefined;
  readonly prepare = NO_SANDBOX.prepare;
  started = 0;

  confine(...start: Parameters<Sandbox['confine']>): ReturnType<Sandbox['confine']> {
    this.started += 1;
    return NO_SANDBOX.confine(...start);
  }
}

describe('ONNX Runtime’s profile', () => {
  it('is read run by run, each op from the start of its run', () => {
    const node = (name: string, ts: number, dur: number, op_name: string) => ({
      ...{ cat: 'Node', name: `${name}_kernel_time`, ts, dur, args: { op_name } },
    });
    const session = (name: string, ts: number, dur: number) => ({ cat: 'Session', name, ts, dur, args: {} });
    const events = [
      session('session_initialization', 0, 90),
      node('b', 150, 40, 'Relu'),
      node('a', 110, 30, 'Gemm'),
      { ...node('a', 105, 1, 'Gemm'), name: 'a_fence_before' },
      session('model_run', 100, 100),
      node('a', 310, 20, 'Gemm'),
      session('model_run', 300, 50),
    ];
    assert.deepEqual(runsIn(JSON.stringify(events)), [
      {
        durationMs: 0.1,
        ops: [
          { node: 'a', op: 'Gemm', startMs: 0.01, durationMs: 0.03 },
          { node: 'b', op: 'Relu', startMs: 0.05, durationMs: 0.04 },
        ],
      },
      { durationMs: 0.05, ops: [{ node: 'a', op: 'Gemm', startMs: 0.01, durationMs: 0.02 }] },
    ]);
  });

  it('comes from a replica of a real model in a thread of its own, which leaves nothing behind', async () => {
    const before = leftovers();
    const startedAt = machineTimeMs();
    const profile = await profileReplica({
      ...{ versionDirectory: DIGITS, backendModule: 'onnx', loadOptions: LOAD },
      signatureName: 'no such signature',
      rows: 32,
    });
    assert.deepEqual([profile.signatureName, profile.rows, profile.runs.length], ['serving_default', 32, 10]);
    let last = startedAt;
    for (const { startMs, durationMs, ops } of profile.runs) {
      assert.ok(startMs > last && startMs + durationMs <= machineTimeMs(), 'runs follow each other');
      last = startMs;
      assert.deepEqual(
        [...new Set(ops.map(({ op }) => op))].sort(),
        ['ArgMax', 'Div', 'FusedGemm', 'Gemm', 'Softmax'],
        'every op of every run',
      );
      for (const op of ops) assert.ok(op.startMs >= 0 && op.startMs + op.durationMs <= durationMs + 0.001);
    }
    assert.deepEqual(leftovers(), before);
  });

  it('comes from a process where the model runs in one, and says so where that dies', async (t) => {
    const loadOptions = LOAD;
    const start = { versionDirectory: DIGITS, backendModule: 'onnx', loadOptions, signatureName: undefined, rows: 4 };
    const sandbox = new CountingSandbox();
    const { rows, runs } = await profileReplica(start, { isInProcess: true, sandbox });
    assert.deepEqual([rows, runs.length, sandbox.started, modelProcesses().length], [4, 10, 1, 0]);
    const stuck = join(tempDirectory(t), 'stuck.mjs');
    writeFileSync(stuck, STUCK);
    const killed = profileReplica({ ...start, backendModule: pathToFileURL(stuck).href }, { isInProcess: true });
    await until(() => modelProcesses().length === 1);
    process.kill(modelProcesses()[0]!, 'SIGKILL');
    const message = 'the process that profiled the model died (signal SIGKILL)';
    await assert.rejects(killed, { kind: 'worker_lost', message });
    const nowhere = { ...start, backendModule: 'onnx', versionDirectory: tempDirectory(t) };
    await assert.rejects(profileReplica(nowhere, { isInProcess: true }), { kind: 'load_failed' });
    assert.deepEqual(modelProcesses(), []);
  });

  it('is refused by a backend without a profiler, and where the model does not load', async (t) => {
    const fake = siblingModule(import.meta.url, '../../support/fake-backend').href;
    const of = { loadOptions: LOAD, signatureName: undefined, rows: 1 };
    const versionDirectory = tempDirectory(t);
    await assert.rejects(profileReplica({ ...of, backendModule: fake, versionDirectory }), {
      kind: 'unsupported',
      message: 'backend "fake" has no profiler of its ops',
    });
    const before = leftovers();
    await assert.rejects(profileReplica({ ...of, backendModule: 'onnx', versionDirectory }), { kind: 'load_failed' });
    assert.deepEqual(leftovers(), before);
  });
});
