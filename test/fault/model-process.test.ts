/** A model in a process of its own, under a real sidecar: what is killed, and what goes on. */
import assert from 'node:assert/strict';
import process from 'node:process';
import { afterEach, describe, it } from 'node:test';
import { processTree } from '../../bench/support/process-tree.ts';
import type { ModelsReport } from '../../src/admin/models-report.ts';
import { isGone, modelProcesses } from '../support/child-processes.ts';
import { fakeModelFlag, WHEN } from '../support/fake-model.ts';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { until } from '../support/turns.ts';

afterEach(killSidecars);

const KILLS = 5;
const CALLERS = 4;

describe('a sidecar with a model in a process of its own', () => {
  it(`answers every request while the process is killed ${KILLS} times in mid-batch, and others do not notice`, async (t) => {
    const sidecar = await startSidecar([
      fakeModelFlag(t, 'isolated', ',isolate=true'),
      fakeModelFlag(t, 'neighbour', ''),
    ]);
    let isOver = false;
    const seen = new Map<number, number>();
    const calling = Array.from({ length: CALLERS }, async () => {
      while (!isOver) {
        const { status, body } = await predict(sidecar, 'isolated', WHEN.dawdle);
        seen.set(status, (seen.get(status) ?? 0) + 1);
        if (status === 503) assert.match(JSON.stringify(body), /died \(signal SIGKILL\)|being replaced/);
      }
    });
    const neighbours = (async () => {
      while (!isOver) assert.equal((await predict(sidecar, 'neighbour', 2)).status, 200);
    })();
    for (let killed = 0; killed < KILLS; killed++) {
      const before = seen.get(200) ?? 0;
      await until(() => (seen.get(200) ?? 0) > before + CALLERS);
      const pid = modelProcesses(sidecar.process.pid!)[0]!;
      process.kill(pid, 'SIGKILL');
      // Else the next kill could be of the same process.
      await until(() => isGone(pid));
    }
    await until(() => sidecar.lines.filter(({ msg }) => msg === 'worker restarted').length === KILLS);
    isOver = true;
    await Promise.all([...calling, neighbours]);
    assert.deepEqual([...seen.keys()].sort(), [200, 503]);
    const scrape = async (): Promise<string> => (await fetch(`${sidecar.admin}/metrics`)).text();
    const restarts = /^pillion_host_restarts_total.*$/m.exec(await scrape())?.[0];
    assert.equal(restarts, `pillion_host_restarts_total{model="isolated",version="1",reason="lost"} ${KILLS}`);
    // The newest process tells its memory soon.
    const resident = /^pillion_host_resident_bytes\{model="isolated",version="1"\} \d{8,}$/m;
    await until(async () => resident.test(await scrape()));
    // One for each session: calls that wait open more, and one may still be on its way.
    await until(async () => {
      const { models } = (await (await fetch(`${sidecar.admin}/models`)).json()) as ModelsReport;
      const { memory } = models.find(({ name }) => name === 'isolated')!.versions[0]!;
      return modelProcesses(sidecar.process.pid!).length === memory!.sessions;
    });
    assert.equal(await sidecar.stop(), 0);
  });

  it('leaves no process behind when it is killed itself, though a run never ends', async (t) => {
    const sidecar = await startSidecar([fakeModelFlag(t, 'm', ',host=process')]);
    const [pid] = modelProcesses(sidecar.process.pid!);
    const hanging = assert.rejects(predict(sidecar, 'm', WHEN.hang));
    await until(async () => (await queue(sidecar)).running_batches === 1);
    sidecar.process.kill('SIGKILL');
    await Promise.all([hanging, sidecar.exited]);
    await until(() => isGone(pid!));
  });

  it('answers for every model of a group that is killed under load, shows the group once, and leaves nothing', async (t) => {
    const models = ['a', 'b', 'c'];
    // The first answer after a kill may be to a request from before it.
    const answeredAnew = (before: ReadonlyMap<string, number>): boolean =>
      models.every((model) => counts.get(model)! > before.get(model)! + 1);
    const sidecar = await startSidecar(models.map((name) => fakeModelFlag(t, name, ',process_group=small')));
    let isOver = false;
    const counts = new Map(models.map((model) => [model, 0]));
    const calling = models.map(async (model) => {
      while (!isOver) {
        const { status, body } = await predict(sidecar, model, WHEN.dawdle);
        if (status === 200) counts.set(model, counts.get(model)! + 1);
        else assert.match(JSON.stringify(body), /group \\"small\\" that ran this batch died|being replaced/);
      }
    });
    for (let killed = 0; killed < KILLS; killed++) {
      const before = new Map(counts);
      await until(() => answeredAnew(before));
      const [pid, ...others] = modelProcesses(sidecar.process.pid!);
      assert.deepEqual(others, []);
      process.kill(pid!, 'SIGKILL');
      await until(() => isGone(pid!));
    }
    const before = new Map(counts);
    await until(() => answeredAnew(before));
    isOver = true;
    await Promise.all(calling);
    const [pid] = modelProcesses(sidecar.process.pid!);
    const report = (await (await fetch(`${sidecar.admin}/models`)).json()) as ModelsReport;
    const [group] = report.process_groups!;
    assert.deepEqual([group!.name, group!.processes.length, group!.processes[0]!.pid], ['small', 1, pid]);
    assert.deepEqual([...group!.processes[0]!.models].sort(), models);
    const resident = /^pillion_process_group_resident_bytes\{process_group="small"\} \d{8,}$/m;
    const scrape = async (): Promise<string> => (await fetch(`${sidecar.admin}/metrics`)).text();
    await until(async () => resident.test(await scrape()));
    assert.doesNotMatch(await scrape(), /^pillion_host_resident_bytes\{/m);
    assert.equal(await sidecar.stop(), 0);
    await until(() => isGone(pid!));
  });

  it('finishes what is in flight when the terminal interrupts all of its processes', async (t) => {
    const sidecar = await startSidecar([fakeModelFlag(t, 'm', ',isolate=true')]);
    const [pid] = modelProcesses(sidecar.process.pid!);
    const running = predict(sidecar, 'm', WHEN.tarry);
    await until(async () => (await queue(sidecar)).running_batches === 1);
    // The tools that the process runs under as well.
    for (const each of processTree(sidecar.process.pid!).reverse()) process.kill(each, 'SIGINT');
    assert.equal((await running).status, 200);
    assert.equal(await sidecar.exited, 0);
    await until(() => isGone(pid!));
  });

  it('ends with the reason where a host is asked for that the backend cannot have', async (t) => {
    const starting = startSidecar([fakeModelFlag(t, 'm', ',host=thread', 'confined-backend')]);
    const reason =
      /host thread was asked for, but backend \\"confined\\" runs with host process only; set host=process/;
    await assert.rejects(starting, reason);
    const sidecar = await startSidecar([fakeModelFlag(t, 'm', '', 'confined-backend'), '--num_batch_threads=3']);
    assert.equal(modelProcesses(sidecar.process.pid!).length, 1);
    await sidecar.stop();
  });
});

async function predict(
  { rest }: Sidecar,
  model: string,
  ...instances: number[]
): Promise<{ status: number; body: unknown }> {
  const body = JSON.stringify({ instances });
  const answer = await fetch(`${rest}/v1/models/${model}:predict`, { method: 'POST', body });
  return { status: answer.status, body: await answer.json() };
}

async function queue({ admin }: Sidecar): Promise<{ readonly running_batches: number }> {
  const report = (await (await fetch(`${admin}/models`)).json()) as {
    models: { versions: { queue: { running_batches: number } }[] }[];
  };
  return report.models[0]!.versions[0]!.queue;
}
