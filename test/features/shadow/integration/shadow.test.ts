/** A shadow beside a model, in a real sidecar: both are the fake backend's, and the shadow's answers are a little off. */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import type { ModelsReport } from '../../../../src/admin/models-report.ts';
import type { ShadowReport } from '../../../../src/admin/runtime-report.ts';
import { siblingModule } from '../../../../src/backends/host/sibling-module.ts';
import { fakeModel } from '../../../support/fake-model.ts';
import { killSidecars, type LogLine, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { ENDS_WORKER, SKEW } from '../../../support/skewed-backend.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

after(killSidecars);

const SKEWED = siblingModule(import.meta.url, '../../../support/skewed-backend').href;

async function start(t: TestContext, keys: string): Promise<Sidecar> {
  const { versionDirectory, backendModule } = fakeModel(t);
  const base = join(tempDirectory(t), 'm');
  mkdirSync(base);
  renameSync(versionDirectory, join(base, '1'));
  return startSidecar([`--model=m=${base},backend=${backendModule},${keys}`]);
}

async function ask(sidecar: Sidecar, instances: readonly number[]): Promise<number[]> {
  const body = JSON.stringify({ instances });
  const answer = await fetch(`${sidecar.rest}/v1/models/m:predict`, { method: 'POST', body });
  assert.equal(answer.status, 200);
  return ((await answer.json()) as { predictions: number[] }).predictions;
}

async function shadowOf(sidecar: Sidecar): Promise<ShadowReport> {
  const report = (await (await fetch(`${sidecar.admin}/models`)).json()) as ModelsReport;
  return report.models[0]!.versions[0]!.shadow!;
}

const isAbout = (text: RegExp) => (line: LogLine) => line.event === 'shadow' && text.test(line.msg ?? '');

describe('a model with a shadow', () => {
  it('answers as it does without, and the difference is told in the log, the report and the metrics', async (t) => {
    const sidecar = await start(t, `shadow=${SKEWED},shadow_sample=1`);
    await sidecar.line(isAbout(/its shadow runs on/));
    assert.deepEqual(await ask(sidecar, [1, 2]), [2.5, 3]);
    const line = await sidecar.line(
      isAbout(/its shadow differs: y: 2 of 2 elements, by up to 0.25 \(relative 0.091\)/),
    );
    assert.equal(line.level, 'warn');
    const shadow = await shadowOf(sidecar);
    assert.deepEqual(
      [shadow.runtime, shadow.state, shadow.sample, shadow.compared, shadow.different, shadow.restarts],
      [SKEWED, 'running', 1, 1, 1, 0],
    );
    assert.deepEqual(shadow.outputs, [{ output: 'y', mismatches: 2, max_absolute: SKEW, max_relative: SKEW / 2.75 }]);
    assert.match(shadow.reason, /^thread/);
    const metrics = await (await fetch(`${sidecar.admin}/metrics`)).text();
    const labels = `model="m",version="1",runtime="${SKEWED}"`;
    for (const text of [
      `pillion_shadow_batches_total{${labels},outcome="different"} 1`,
      `pillion_shadow_mismatches_total{${labels},signature="serving_default",output="y"} 2`,
      `pillion_shadow_absolute_difference_sum{${labels},signature="serving_default",output="y"} 0.25`,
      `pillion_shadow_latency_ratio_count{${labels},signature="serving_default"} 1`,
    ])
      assert.ok(metrics.includes(text), `${text} is not in\n${metrics}`);
    assert.equal(await sidecar.stop(), 0);
  });

  it('does not notice that the worker of its shadow dies', async (t) => {
    const sidecar = await start(t, `shadow=${SKEWED},shadow_sample=1`);
    await sidecar.line(isAbout(/its shadow runs on/));
    assert.deepEqual(await ask(sidecar, [ENDS_WORKER]), [102]);
    await sidecar.line(isAbout(/worker of its shadow lost/));
    await sidecar.line(isAbout(/its shadow failed: .*died/));
    assert.deepEqual(await ask(sidecar, [4]), [4]);
    await sidecar.line(isAbout(/worker of its shadow restarted/));
    assert.deepEqual(await ask(sidecar, [6]), [5]);
    await sidecar.line(isAbout(/its shadow differs/));
    const { state, restarts, left_out } = await shadowOf(sidecar);
    assert.deepEqual([state, restarts], ['running', 1]);
    assert.ok(left_out.failed >= 1);
    const report = (await (await fetch(`${sidecar.admin}/models`)).json()) as ModelsReport;
    assert.equal(report.models[0]!.versions[0]!.host!.restarts, 0);
    assert.equal(await sidecar.stop(), 0);
  });

  it('is served without one where there is none to be had, and the log says why', async (t) => {
    const missing = await start(t, 'shadow=no-such-runtime');
    await missing.line(isAbout(/it has no shadow: backend "no-such-runtime" is not built in/));
    assert.deepEqual(await ask(missing, [1]), [2.5]);
    assert.equal((await shadowOf(missing)).state, 'off');
    const alone = await start(t, 'shadow=auto');
    await alone.line(isAbout(/the version holds no artifact but the one of .*fake-backend/));
    for (const sidecar of [missing, alone]) assert.equal(await sidecar.stop(), 0);
  });

  it('has none at a share of 0', async (t) => {
    const sidecar = await start(t, `shadow=${SKEWED},shadow_sample=0`);
    assert.deepEqual(await ask(sidecar, [1]), [2.5]);
    assert.equal(await shadowOf(sidecar), undefined);
    assert.equal(await sidecar.stop(), 0);
  });
});
