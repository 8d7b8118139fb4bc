import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { VersionReport } from '../../../src/admin/models-report.ts';
import type { ShadowReport } from '../../../src/admin/runtime-report.ts';
import { versionFindings } from '../../../src/admin/version-findings.ts';

it('says what a shadow has found', () => {
  const shadow: ShadowReport = {
    ...{ runtime: 'tfjs', sample: 0.1, state: 'running', reason: '', restarts: 0, compared: 200, different: 3 },
    latency_ratio: 4.25,
    left_out: { busy: 2, too_large: 0, failed: 1 },
    outputs: [
      { output: 'p', mismatches: 9, max_absolute: 0.0123, max_relative: 1 },
      { output: 'd', mismatches: 1 },
    ],
  };
  const words = (found: ShadowReport): string | undefined => {
    const version: VersionReport = { version: '1', state: 'AVAILABLE', shadow: found };
    return versionFindings(version, [version]).find(({ id }) => id === 'shadow')?.note;
  };
  assert.equal(
    words(shadow),
    'its shadow on tfjs differs in 3 of 200 batches, in 4.3 × the time: p by up to 0.012, d in 1 elements; left out: 2 busy, 0 too large, 1 failed',
  );
  assert.equal(words({ ...shadow, state: 'off', reason: 'no natives' }), 'its shadow on tfjs is off: no natives');
});
