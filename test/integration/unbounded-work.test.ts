/** Requests that ask for more work than their size tells, against a server with a neighbour that others ask. */
import assert from 'node:assert/strict';
import { afterEach, describe, it, type TestContext } from 'node:test';
import { Neighbour, restClient } from '../support/neighbour.ts';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';
import { BOXES, ROUNDS, writeModel } from '../support/unbounded-models.ts';

const NEIGHBOUR = '--model=half=examples/half_plus_two/models/half_plus_two';

afterEach(killSidecars);

describe('a model that makes as many rounds as a request says', () => {
  it('holds up nobody else, is ended after the deadline, and serves again', async (t) => {
    const sidecar = await startSidecar([`--model=rounds=${writeModel(tempDirectory(t), 'rounds', ROUNDS)}`, NEIGHBOUR]);
    assert.equal(hostOf(sidecar, 'rounds'), 'process');
    assert.deepEqual(await rounds(sidecar, 5), [200, '{"outputs":5.0}']);
    const neighbour = askNeighbour(t, sidecar);
    const [status, text] = await rounds(sidecar, 4e12);
    assert.equal(status, 504, text);
    const lost = await sidecar.line(({ msg }) => msg === 'worker lost');
    assert.match(String(lost['reason']), /^a run went on 2 s after its deadline/);
    await sidecar.line(({ msg }) => msg === 'worker restarted');
    assert.deepEqual(await rounds(sidecar, 5), [200, '{"outputs":5.0}']);
    const { answered, failures, max } = await neighbour.stop();
    assert.ok(answered > 100, `${answered} answers`);
    assert.deepEqual(failures, {});
    assert.ok(max < 2000, `${max} ms`);
    // It ends while such a run is in progress, too.
    assert.equal((await rounds(sidecar, 4e12))[0], 504);
    assert.equal((await fetch(`${sidecar.admin}/live`)).status, 200);
    assert.equal(await sidecar.stop(), 0);
  });
});

describe('a run that nothing ends, since its owner wants the model in a thread', () => {
  it('is warned of at load, and does not keep the server from its end', { timeout: 60_000 }, async (t) => {
    const flag = `--model=rounds=${writeModel(tempDirectory(t), 'rounds', ROUNDS)}`;
    const sidecar = await startSidecar([flag, '--host=thread']);
    const { models } = (await (await fetch(`${sidecar.admin}/models`)).json()) as { models: readonly unknown[] };
    assert.match(JSON.stringify(models), /one request may compute for ever, .*Loop/);
    assert.equal((await rounds(sidecar, 4e12))[0], 504);
    assert.equal(await sidecar.stop(), 'SIGKILL');
    assert.ok(sidecar.lines.some(({ event }) => event === 'runs_left'));
  });
});

describe('a model whose work is bounded by the size of a request', () => {
  it('runs on a thread, so that the neighbour is answered meanwhile', async (t) => {
    const sidecar = await startSidecar([`--model=boxes=${writeModel(tempDirectory(t), 'boxes', BOXES)}`, NEIGHBOUR]);
    assert.equal(hostOf(sidecar, 'boxes'), 'thread');
    const count = 10_000;
    const boxes = [Array.from({ length: count }, (_, i) => [2 * i, 0, 2 * i + 1, 1])];
    const inputs = { boxes, scores: [[Array.from({ length: count }, (_, i) => i / count)]] };
    const neighbour = askNeighbour(t, sidecar);
    const startedAt = performance.now();
    const [status] = await predict(sidecar, 'boxes', { inputs });
    const tookMs = performance.now() - startedAt;
    assert.equal(status, 200);
    const { failures, max } = await neighbour.stop();
    assert.deepEqual(failures, {});
    assert.ok(max < tookMs / 2, `${max} ms of ${tookMs} ms`);
  });
});

function hostOf({ lines }: Sidecar, model: string): unknown {
  return lines.find((line) => line['model'] === model && line['host'] !== undefined)?.['host'];
}

function rounds(sidecar: Sidecar, n: number): Promise<readonly [status: number, text: string]> {
  return predict(sidecar, 'rounds', { inputs: { n } }, { 'x-envoy-expected-rq-timeout-ms': '500' });
}

async function predict(
  { rest }: Sidecar,
  model: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
) {
  const init = { method: 'POST', body: JSON.stringify(body), headers };
  const answer = await fetch(`${rest}/v1/models/${model}:predict`, init);
  return [answer.status, (await answer.text()).replaceAll(/\s/g, '')] as const;
}

/** Ends with the test at the latest: a failed one would go on for ever. */
function askNeighbour(t: TestContext, { rest }: Sidecar): Neighbour {
  const clients = [restClient(`${rest}/v1/models/half:predict`, '{"instances":[2]}')];
  const neighbour = new Neighbour(clients, { perSecond: 200 });
  t.after(() => neighbour.stop());
  return neighbour;
}
