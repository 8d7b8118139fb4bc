/** Audits of shared runs in a real sidecar, whose runtime goes wrong while it serves: one row of each shared run. */
import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import type { ModelsReport, SignatureReport } from '../../../../../src/admin/models-report.ts';
import { FAKE_FILE } from '../../../../support/fake-backend.ts';
import { fakeModelFlag } from '../../../../support/fake-model.ts';
import { killSidecars, type LogLine, runPillion, type Sidecar, startSidecar } from '../../../../support/sidecar.ts';
import { SPOILED_BY } from '../../../../support/spoiled-backend.ts';
import { tempDirectory } from '../../../../support/temp-directory.ts';

after(killSidecars);

const CALLERS = 32;
/** It was found after 352 to 6,816; which runs are asked again is random. */
const MOST_REQUESTS = 40_000;

const isFound = (line: LogLine): boolean => line.event === 'shared_run_differed';

/** A model that can be spoiled, and the flags of its server. */
function spoilable(t: TestContext, keys = '') {
  const directory = tempDirectory(t);
  const model = fakeModelFlag(t, 'm', `,host=thread${keys}`, 'spoiled-backend', { runMs: 0.5 });
  const version = join(model.split('=')[2]!.split(',')[0]!, '1');
  const spoiler = join(directory, 'spoiled');
  writeFileSync(join(version, SPOILED_BY), spoiler);
  return {
    version,
    flags: [model, '--num_batch_threads=1', `--state_dir=${join(directory, 'state')}`],
    spoil: () => writeFileSync(spoiler, ''),
  };
}

/** Asks for x; returns whether the answer is right. */
async function isRight(sidecar: Sidecar, x: number): Promise<boolean> {
  const body = JSON.stringify({ instances: [x] });
  const answer = await fetch(`${sidecar.rest}/v1/models/m:predict`, { method: 'POST', body });
  assert.equal(answer.status, 200);
  const { predictions } = (await answer.json()) as { predictions: number[] };
  return predictions[0] === x / 2 + 2;
}

/** So many callers at a time, until the log says so or all requests were sent. Returns how many were sent, and wrong. */
async function ask(sidecar: Sidecar, requests: number, isDone: (line: LogLine) => boolean) {
  let [sent, wrong] = [0, 0];
  while (sent < requests && !sidecar.lines.some(isDone)) {
    const right = await Promise.all(Array.from({ length: CALLERS }, (_, i) => isRight(sidecar, (7 * sent + i) % 50)));
    sent += CALLERS;
    wrong += right.filter((each) => !each).length;
    // The model is idle meanwhile, also on a machine with much else to do.
    await signatureOf(sidecar);
  }
  return { sent, wrong };
}

async function signatureOf(sidecar: Sidecar): Promise<SignatureReport> {
  const report = (await (await fetch(`${sidecar.admin}/models`)).json()) as ModelsReport;
  return report.models[0]!.versions[0]!.signatures![0]!;
}

async function metrics(sidecar: Sidecar): Promise<string> {
  const page = await (await fetch(`${sidecar.admin}/metrics`)).text();
  return page
    .split('\n')
    .filter((line) => line.startsWith('pillion_shared_run_audits_total{'))
    .join('\n');
}

describe('a model whose shared runs go wrong while it serves', () => {
  for (const host of ['thread', 'process'] as const) {
    it(`shares none soon after, also when the server starts again: ${host}`, async (t) => {
      const { version, flags, spoil } = spoilable(t);
      const placed = flags.map((flag) => flag.replace('host=thread', `host=${host}`));
      const sidecar = await startSidecar(placed);
      assert.equal((await signatureOf(sidecar)).batch_axis, 'dynamic');
      assert.equal((await ask(sidecar, 500, isFound)).wrong, 0);
      spoil();
      const { sent, wrong } = await ask(sidecar, MOST_REQUESTS, isFound);
      assert.ok(sent < MOST_REQUESTS, await metrics(sidecar));
      const line = await sidecar.line(isFound);
      t.diagnostic(`found after ${sent} requests, of which ${wrong} were answered wrongly`);
      assert.ok(wrong > 0);
      assert.equal(line.level, 'error');
      assert.deepEqual(
        [line['model'], line['version'], line['signature'], line['output'], line['fault']],
        ['m', '1', 'serving_default', 'y', 'rows'],
      );
      assert.deepEqual([line['shapes'], line['companion_shapes']], ['x [1]', 'x [1]']);
      assert.ok(Number(line['difference']) > 0);
      assert.match(
        line.msg!,
        /^its requests share no runs any more: answers of shared runs differed from those of the/,
      );
      // The line is written before the new scheduler is in place.
      while ((await signatureOf(sidecar)).batch_axis !== 'none') await isRight(sidecar, 1);
      const { reason, fix } = await signatureOf(sidecar);
      assert.match(reason!, /^answers of shared runs differed .*: output "y" of a row differed by [\d.]+ % /);
      assert.match(fix!, /op that reaches over rows/);
      assert.match(
        await metrics(sidecar),
        /^pillion_shared_run_audits_total\{[^}]*result="(different|transient)"\} \d/m,
      );
      assert.equal((await ask(sidecar, 1000, () => false)).wrong, 0);
      const { admin } = sidecar;
      const doctor = runPillion(['doctor', `--admin=${new URL(admin).host}`, '--seconds=0']);
      await doctor.exited;
      assert.match(doctor.output(), /answers of shared runs differed from those of the same rows alone/);
      assert.equal(await sidecar.stop(), 0);

      const again = await startSidecar(placed);
      assert.equal((await signatureOf(again)).batch_axis, 'none');
      assert.match((await signatureOf(again)).reason!, /^answers of shared runs differed/);
      assert.equal((await ask(again, 500, isFound)).wrong, 0);
      assert.equal(await again.stop(), 0);

      appendFileSync(join(version, FAKE_FILE), '\n');
      const mended = await startSidecar(placed);
      const { batch_axis: mendedAxis, reason: why } = await signatureOf(mended);
      // The file still spoils its runs, which its proof sees.
      assert.equal(mendedAxis, 'none');
      assert.doesNotMatch(why!, /^answers of shared runs differed/);
      assert.equal(await mended.stop(), 0);
    });
  }
});
