/** `pillion doctor` on this machine, with and without a real sidecar. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { killSidecars, runPillion, startSidecar } from '../../../support/sidecar.ts';
import { writeSurfaceModels } from '../../../support/surface-models.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

after(killSidecars);

interface Report {
  readonly findings: readonly { readonly id: string; readonly model?: string; readonly why: string }[];
  readonly facts: {
    readonly machine: { readonly cores: number };
    readonly server?: { readonly report: { readonly plan: { readonly pid: number } } };
  };
}

describe('pillion doctor', () => {
  it('finds in a real server’s traffic why batches stay at 1, and ends with 1', async (t) => {
    const args = [...writeSurfaceModels(tempDirectory(t), ['float']), '--enable_batching=false'];
    const sidecar = await startSidecar(args);
    const body = JSON.stringify({ instances: [[1, 2, 3, 4]] });
    for (let i = 0; i < 120; i++) {
      const answer = await fetch(`${sidecar.rest}/v1/models/float:predict`, { method: 'POST', body });
      assert.equal(answer.status, 200, await answer.text());
    }
    const admin = sidecar.admin.slice('http://'.length);
    const doctor = runPillion(['doctor', `--admin=${admin}`, '--seconds=0', '--format=json']);
    assert.equal(await doctor.exited, 1);
    const { findings, facts } = JSON.parse(doctor.output()) as Report;
    const one = findings.find(({ id }) => id === 'batches_of_one');
    assert.deepEqual([one?.model, one?.why], ['float', 'batching is off (--enable_batching=false)']);
    assert.equal(facts.server!.report.plan.pid, sidecar.process.pid);

    const text = runPillion(['doctor', `--admin=${admin}`, '--seconds=1']);
    assert.equal(await text.exited, 1);
    assert.match(text.output(), /^machine: \d+ cores/);
    assert.match(text.output(), /batches_of_one: float: batches are never above 1 row \(120 batches, 120 rows\)/);
    assert.match(text.output(), /^ {3}change: start without --enable_batching=false$/m);
    assert.equal(await sidecar.stop(), 0);
  });

  it('names no version that is none, and says which models serve nothing', async (t) => {
    const directory = tempDirectory(t);
    // A busy machine may make the first runs slow; then the model would get sessions, which have a line of their own.
    const sidecar = await startSidecar([...writeSurfaceModels(directory, ['float', 'examples']), '--host=inline']);
    const admin = sidecar.admin.slice('http://'.length);
    const doctor = async (): Promise<string> => {
      const run = runPillion(['doctor', `--admin=${admin}`, '--seconds=0']);
      await run.exited;
      return run.output();
    };
    for (const path of ['float', 'float/metadata']) await (await fetch(`${sidecar.rest}/v1/models/${path}`)).text();
    assert.doesNotMatch(await doctor(), /^ {9}/m, 'status and metadata are no inferences');

    const body = JSON.stringify({ instances: [[1, 2, 3, 4]] });
    for (const name of ['float', 'none']) {
      await (await fetch(`${sidecar.rest}/v1/models/${name}:predict`, { method: 'POST', body })).text();
    }
    const headers = { 'x-pillion-console': '1' };
    await fetch(`${sidecar.admin}/models/examples/unload?version=1`, { method: 'POST', headers });
    await sidecar.line((line) => line['model'] === 'examples' && line['state'] === 'END');
    const told = await doctor();
    assert.match(told, /^ {9}float version 1: 1 request, 1 batch of 1 row since its start$/m);
    assert.match(told, /^ {9}1 request since its start named a model or version that is not served$/m);
    assert.match(told, /^ {9}examples serves nothing: version 1 was unloaded by hand$/m);
    assert.equal(await sidecar.stop(), 0);
  });

  it('looks at the machine alone where there is no sidecar, unless one was asked for', async () => {
    const asked = runPillion(['doctor', '--admin=127.0.0.1:1', '--seconds=0']);
    assert.equal(await asked.exited, 2);
    assert.match(asked.output(), /no sidecar at 127\.0\.0\.1:1: .*; start `pillion serve`/);
    const wrong = runPillion(['doctor', '--admin=here', '--format=yaml']);
    assert.equal(await wrong.exited, 64);
    assert.match(wrong.output(), /--format=yaml.*wants one of text, json/);
    assert.match(wrong.output(), /--admin=here wants HOST:PORT/);
  });
});
