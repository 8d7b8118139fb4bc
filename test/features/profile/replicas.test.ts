import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OpProfile } from '../../../src/backends/op-profile.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { topOps } from '../../../src/features/profile/profile-document.ts';
import type { CapturedBatch } from '../../../src/features/profile/record-capture.ts';
import { profileReplicas } from '../../../src/features/profile/replicas.ts';
import { PROFILE_OPS } from '../../../src/models/serving/load-findings.ts';
import { Servable } from '../../../src/models/serving/servable.ts';
import { echo, PuppetRunner } from '../../support/puppet-models.ts';

const op = (node: string, kind: string, durationMs: number) => ({ node, op: kind, startMs: 0, durationMs });
const PROFILE: OpProfile = {
  signatureName: 's',
  rows: 4,
  runs: [
    { startMs: 0, durationMs: 6, ops: [op('a', 'Gemm', 3), op('b', 'Gemm', 1), op('c', 'Relu', 1)] },
    { startMs: 10, durationMs: 6, ops: [op('a', 'Gemm', 3), op('b', 'Gemm', 1), op('c', 'Relu', 1)] },
  ],
};

const NEVER = new AbortController().signal;
const enough = () => ({ freeBytes: 1000, limitBytes: 1000, isCgroup: false });

/** Notes the arguments of its calls. */
function servable(name: string, asked: string[]): Servable {
  const made = new Servable(name, 1n, new Map(), new PuppetRunner(echo));
  made.facts.set(PROFILE_OPS, async (rows, signatureName) => {
    asked.push(`${name} ${rows} ${signatureName}`);
    return PROFILE;
  });
  return made;
}

function batch(model: string, size: number): CapturedBatch {
  const of = { model, version: '1', signatureName: 's', rows: size, size };
  return { ...of, name: '', startMs: 0, endMs: 1, children: [] };
}

describe('replicas', () => {
  it('are of the busiest models, with the size that most of their batches had', async () => {
    const asked: string[] = [];
    const all = ['idle', 'a', 'b'].map((name) => servable(name, asked));
    const batches = [batch('a', 8), batch('b', 2), batch('b', 4), batch('b', 4)];
    const results = await profileReplicas(all, batches, enough, NEVER);
    assert.deepEqual(asked, ['b 4 s', 'a 8 s']);
    assert.deepEqual(
      results.map(({ model, profile }) => [model, profile?.rows]),
      [
        ['b', 4],
        ['a', 4],
      ],
    );
  });

  it('are of the first three, with one row, where nothing ran', async () => {
    const asked: string[] = [];
    const all = ['a', 'b', 'c', 'd'].map((name) => servable(name, asked));
    await profileReplicas(all, [], () => undefined, NEVER);
    assert.deepEqual(asked, ['a 1 undefined', 'b 1 undefined', 'c 1 undefined']);
  });

  it('say why there is none: no profiler, a failure, no memory; and stop when nobody wants them', async () => {
    const without = new Servable('without', 1n, new Map(), new PuppetRunner(echo));
    const failing = servable('failing', []);
    failing.facts.set(PROFILE_OPS, () =>
      Promise.reject(new ServingError('unsupported', 'backend "x" has no profiler of its ops')),
    );
    const large = servable('large', []);
    large.findings.memory = { artifactBytes: 600, sessions: 2, residentBytes: 1600 };
    const results = await profileReplicas([without, failing, large], [], enough, NEVER);
    assert.deepEqual(
      results.map(({ note }) => note),
      [
        'its runtime has no profiler of its ops',
        'backend "x" has no profiler of its ops',
        'a second session may take 2 KiB, and 1 KiB are free',
      ],
    );
    assert.deepEqual(await profileReplicas([large], [], enough, AbortSignal.abort()), []);
  });
});

describe('top ops', () => {
  it('add up by kind and by node, with shares of all ops’ time', () => {
    const { by_op, by_node } = topOps(PROFILE, 2);
    assert.deepEqual(by_op, [
      { op: 'Gemm', calls: 4, total_ms: 8, share: 0.8 },
      { op: 'Relu', calls: 2, total_ms: 2, share: 0.2 },
    ]);
    assert.deepEqual(by_node, [
      { node: 'a', op: 'Gemm', calls: 2, total_ms: 6, share: 0.6 },
      { node: 'b', op: 'Gemm', calls: 2, total_ms: 2, share: 0.2 },
    ]);
  });
});
