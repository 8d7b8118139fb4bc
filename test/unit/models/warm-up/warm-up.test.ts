import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LoadedVersion, LoadStep } from '../../../../src/models/loading/load-steps.ts';
import type { Sweep } from '../../../../src/models/warm-up/batch-sweep.ts';
import { warmUp } from '../../../../src/models/warm-up/warm-up.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { loadedVersion } from '../../../support/loaded-version.ts';
import { FLOAT_SIGNATURE, signature, spec } from '../../../support/puppet-models.ts';

/** Prepares the version, and returns the sweeps that it had. */
async function prepare(loaded: LoadedVersion, steps: readonly LoadStep[] = [], isEnabled = true) {
  const sweeps: Sweep[] = [];
  const onSwept = (_: unknown, sweep: Sweep) => void sweeps.push(sweep);
  await warmUp({ clock: new FakeClock(), steps, isEnabled, onSwept })(loaded);
  return sweeps;
}

it('a version that another server runs is not swept', async (t) => {
  assert.deepEqual(await prepare(loadedVersion(t, { isElsewhere: true })), []);
});

describe('a version without a warm-up file', () => {
  it('is run with made-up batches, and keeps what they took', async (t) => {
    const loaded = loadedVersion(t);
    assert.equal((await prepare(loaded)).length, 1);
    assert.deepEqual(loaded.servable.findings.latencySeeds, [
      { signatureName: 'serving_default', rows: 1, runMs: [2, 2, 2] },
      { signatureName: 'serving_default', rows: 2, runMs: [2, 2, 2] },
    ]);
  });
});

describe('a version that has answered recorded requests', () => {
  const stepsOf = (told: string[]): readonly LoadStep[] => [
    { stage: 'check', run: () => void told.push('check') },
    {
      stage: 'warm-up',
      run: (loaded) => {
        told.push('warm-up');
        loaded.hasAnswered = true;
      },
    },
  ];

  it('is not swept, and checked after that', async (t) => {
    const told: string[] = [];
    assert.deepEqual(await prepare(loadedVersion(t), stepsOf(told)), []);
    assert.deepEqual(told, ['warm-up', 'check']);
  });

  it('is checked alone where warm-up is off', async (t) => {
    const told: string[] = [];
    assert.deepEqual(await prepare(loadedVersion(t), stepsOf(told), false), []);
    assert.deepEqual(told, ['check']);
  });
});

describe('a version that refuses made-up batches', () => {
  const strings = signature({ inputs: spec('string', [-1]) }, { scores: spec('float32', [-1]) });
  const signatures = new Map([
    ['serving_default', FLOAT_SIGNATURE],
    ['classify', strings],
  ]);

  it('is served with a standing warning in one line', async (t) => {
    const loaded = loadedVersion(t, { refuses: ['serving_default'] });
    await prepare(loaded);
    const { warnings } = loaded.servable.findings;
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0]!,
      /^signature "serving_default" has not run: made-up inputs of zeros of shape x \[\] were refused: not for me; if real requests are answered, add a warm-up record/,
    );
  });

  it('has none where only its signature of tf.Examples does, or where golden requests prove it', async (t) => {
    const examples = loadedVersion(t, { signatures, refuses: ['classify'] });
    await prepare(examples);
    assert.deepEqual(examples.servable.findings.warnings, []);
    const both = loadedVersion(t, { signatures, refuses: ['classify', 'serving_default'] });
    await prepare(both);
    assert.equal(both.servable.findings.warnings.length, 2);
    const golden = loadedVersion(t, { refuses: ['serving_default'] });
    const run = (loaded: LoadedVersion): void => {
      loaded.hasAnswered = true;
    };
    await prepare(golden, [{ stage: 'check', run }]);
    assert.deepEqual(golden.servable.findings.warnings, []);
  });
});
