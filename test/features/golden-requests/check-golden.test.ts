import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import { checkGolden, GOLDEN_FILE } from '../../../src/features/golden-requests/check-golden.ts';
import { createLogger } from '../../../src/ledger/log/log.ts';
import { warmUp } from '../../../src/models/warm-up/warm-up.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { loadedVersion } from '../../support/loaded-version.ts';
import { writeRecords } from '../../support/prediction-logs.ts';

/** Loads a version with one golden request, which `check` looks at. */
async function load(t: TestContext, check: (record: string) => void) {
  const clock = new FakeClock();
  const files = { clock, logger: createLogger({ level: 'silent', clock }), maxRecordBytes: 100 };
  const replayer = { check: async (_: unknown, record: Uint8Array) => check(new TextDecoder().decode(record)) };
  const loaded = loadedVersion(t);
  writeRecords(join(loaded.versionDirectory, GOLDEN_FILE), new TextEncoder().encode('g'));
  const steps = [{ stage: 'check', run: (each: typeof loaded) => checkGolden(replayer, files, each) }] as const;
  await warmUp({ clock, steps, isEnabled: false, onSwept: () => undefined })(loaded);
  return loaded;
}

describe('golden requests', () => {
  it('are checked after the warm-up, also where that is off', async (t) => {
    const checked: string[] = [];
    const { hasAnswered } = await load(t, (record) => void checked.push(record));
    assert.deepEqual([checked, hasAnswered], [['g'], true]);
  });

  it('with another answer keep the version from being served', async (t) => {
    const failing = load(t, () => {
      throw new ServingError('invalid_request', 'output "y" differs at [0]: 1, but 2 was recorded');
    });
    await assert.rejects(
      failing,
      (error) =>
        error instanceof ServingError &&
        error.kind === 'load_failed' &&
        /its golden requests failed: .*record 1 at byte 0: output "y" differs/.test(error.message),
    );
  });
});
