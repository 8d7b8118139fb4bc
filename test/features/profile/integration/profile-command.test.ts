/** `pillion profile` of a real sidecar under load: one valid trace file of all that it did, and the top ops. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { ProfileSummary } from '../../../../src/features/profile/profile-document.ts';
import { STAGES } from '../../../../src/ledger/stage-clock.ts';
import { DIGITS, killSidecars, runPillion, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';
import { checkTrace, eventsOf, type TraceJson } from '../check-trace.ts';

after(killSidecars);

/** Asks for digits until it is told to stop, a few at a time. Resolves with how many were answered. */
function load({ rest }: Sidecar, until: Promise<unknown>): Promise<number> {
  let isOver = false;
  let answered = 0;
  until.then(
    () => {
      isOver = true;
    },
    () => undefined,
  );
  const body = JSON.stringify({ instances: [new Array(64).fill(7)] });
  const client = async (): Promise<void> => {
    while (!isOver) {
      const answer = await fetch(`${rest}/v1/models/digits:predict`, { method: 'POST', body });
      assert.equal(answer.status, 200, await answer.text());
      answered += 1;
    }
  };
  return Promise.all([client(), client(), client()]).then(() => answered);
}

describe('pillion profile', () => {
  it('writes what a loaded server does as one valid trace file, and prints its top ops', async (t) => {
    const out = join(tempDirectory(t), 'trace.json');
    const sidecar = await startSidecar([...DIGITS, '--host=thread']);
    const admin = sidecar.admin.slice('http://'.length);
    const command = runPillion(['profile', `--admin=${admin}`, '--seconds=1', `--out=${out}`]);
    const answered = await load(sidecar, command.exited);
    assert.equal(await command.exited, 0, command.output());
    assert.ok(answered > 0);

    const trace = JSON.parse(readFileSync(out, 'utf8')) as TraceJson & { otherData: ProfileSummary };
    checkTrace(trace);
    const { requests, batches, cpu, models } = trace.otherData;
    assert.ok(requests.shown > 0 && batches.shown > 0 && cpu.samples > 0, JSON.stringify(trace.otherData));
    const names = (process: RegExp): Set<string> => new Set(eventsOf(trace, process).map(({ name }) => name));
    const inRequests = names(/^requests$/);
    assert.ok(inRequests.has('Predict digits'));
    for (const stage of STAGES) assert.ok(inRequests.has(stage), `no request has the stage ${stage}`);
    const inBatches = names(/^batches$/);
    for (const step of ['batch', 'execute', 'run', 'split']) assert.ok(inBatches.has(step), step);
    assert.ok(eventsOf(trace, /^event loop$/).length > 0);
    const ops = eventsOf(trace, /^ops of digits version 1/);
    assert.ok(ops.some(({ name, args }) => name === 'Gemm' && args?.['node'] === 'logits'));

    // The event loop was sampled while requests were served, on the same clock: it ran when the first and the last ended.
    const ends = eventsOf(trace, /^requests$/).map(({ ts, dur }) => ts + dur!);
    for (const end of [Math.min(...ends), Math.max(...ends)]) {
      const away = eventsOf(trace, /^event loop$/).map(({ ts, dur }) => Math.max(ts - end, end - (ts + dur!)));
      assert.ok(Math.min(...away) < 500_000, `${Math.min(...away)} µs from ${end} µs`);
    }

    const [digits] = models;
    assert.deepEqual([digits!.model, digits!.version, digits!.runs], ['digits', '1', 10]);
    const shares = digits!.top_ops!.by_op.reduce((sum, { share }) => sum + share, 0);
    assert.ok(Math.abs(shares - 1) < 1e-9);
    assert.match(command.output(), /^digits version 1: a replica ran 10 times with \d+ rows of zeros/m);
    assert.match(command.output(), /^op +total ms +share +calls$/m);
    assert.match(command.output(), /^logits \(Gemm\) +\d/m);
    assert.match(command.output(), /open it at https:\/\/ui\.perfetto\.dev/);
    assert.equal(await sidecar.stop(), 0);
  });

  it('says why there is none: no such model, a file that cannot be written, no sidecar', async (t) => {
    const directory = tempDirectory(t);
    const sidecar = await startSidecar(DIGITS);
    const admin = `--admin=${sidecar.admin.slice('http://'.length)}`;
    const wrong = runPillion(['profile', admin, '--model=nobody', `--out=${join(directory, 'a')}`]);
    assert.equal(await wrong.exited, 1);
    assert.match(wrong.output(), /no model "nobody" is served here; served: digits/);
    assert.equal(existsSync(join(directory, 'a')), false);
    const lost = runPillion(['profile', admin, '--seconds=1', `--out=${join(directory, 'no', 'such')}`]);
    assert.equal(await lost.exited, 1);
    assert.match(lost.output(), /ENOENT.*\/no'/);
    const nobody = runPillion(['profile', '--admin=127.0.0.1:1', `--out=${join(directory, 'b')}`]);
    assert.equal(await nobody.exited, 1);
    assert.match(nobody.output(), /no sidecar at 127\.0\.0\.1:1/);
    const usage = runPillion(['profile', '--seconds=90']);
    assert.equal(await usage.exited, 64);
    assert.match(usage.output(), /--seconds=90.*wants a whole number from 1 to 60/);
    assert.match(usage.output(), /give --out=FILE/);
    assert.equal(await sidecar.stop(), 0);
  });
});
