/** `pillion what-if`, asking an admin server whose answers are made up. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, describe, it, type TestContext } from 'node:test';
import type { ModelReport, ModelsReport, VersionReport } from '../../../../src/admin/models-report.ts';
import { killSidecars, runPillion } from '../../../support/sidecar.ts';
import { arrivals, DETAIL, MODELS, runMs } from '../what-if-answers.ts';

after(killSidecars);

const METRICS = 'process_cpu_seconds_total 12\n';
const CAPACITY = 32 / runMs(32);

/** Answers these paths, without their queries, and 404 to all others; returns its address. */
async function serve(t: TestContext, answers: Readonly<Record<string, unknown>>): Promise<string> {
  const server = createServer((request, response) => {
    const body = answers[request.url!.split('?', 1)[0]!];
    response.writeHead(body === undefined ? 404 : 200);
    response.end(typeof body === 'string' ? body : body === undefined ? 'here are: /models\n' : JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const USUAL = { '/metrics': METRICS, '/models': MODELS, '/models/digits': DETAIL };

/** The same report of models whose inputs may have any size: the runs at load had one of 1. */
function withFreeDims(report: ModelsReport): ModelsReport {
  const versions = ({ versions }: ModelReport): VersionReport[] =>
    versions.map(({ sweep = [], ...version }) => ({
      ...version,
      sweep: sweep.map((one) => ({ ...one, free_dims: 1 })),
    }));
  return { ...report, models: report.models.map((model) => ({ ...model, versions: versions(model) })) };
}

async function ask(...args: string[]): Promise<{ readonly code: number | string; readonly text: string }> {
  const command = runPillion(['what-if', ...args]);
  const code = await command.exited;
  return { code, text: command.output() };
}

describe('pillion what-if', () => {
  it('says what would be in time with more cores, beside what was measured and what is simulated as it is', async (t) => {
    const report = arrivals(2 * CAPACITY, 50);
    const outcome = report.at_ms.map((_, i) => (i % 2 === 0 ? 'answered' : 'refused'));
    const admin = await serve(t, { ...USUAL, '/arrivals': { ...report, outcome, dropped: 3 } });
    const { code, text } = await ask('--cores=4', `--admin=${admin}`);
    assert.equal(code, 0, text);
    assert.match(text, /^\d+ requests in 2\.0 s$/m);
    assert.match(text, /^ +measured +simulated as it is +simulated with 4 cores$/m);
    assert.match(text, /^in time +0\.500 +0\.4\d\d +(0\.9\d\d|1\.000)$/m);
    assert.match(text, /^cores used +0\.00 +1\.\d\d +\d\.\d\d$/m);
    assert.match(text, /^With 4 cores \S+ of the requests would be in time instead of 0\.4\d\d\.$/m);
    assert.match(text, /^The server has forgotten 3 older requests of that time\.$/m);
    assert.doesNotMatch(text, /trust the direction/);
  });

  it('is JSON for scripts, and says when the simulation is far from what was measured', async (t) => {
    const admin = await serve(t, { ...USUAL, '/arrivals': arrivals(2 * CAPACITY, 50) });
    const { code, text } = await ask('--load=1.5', '--max_batch_size=64', `--admin=${admin}`, '--json');
    assert.equal(code, 0, text);
    // On a slow machine its progress stands beside it, on standard error.
    const report = JSON.parse(text.split('\n').find((line) => line.startsWith('{'))!) as {
      readonly change: string;
      readonly measured: { readonly in_time: number };
      readonly changed: { readonly in_time: number; readonly p99_ms: number };
      readonly notes: readonly string[];
    };
    assert.equal(report.change, '1.5 times the load and batches of at most 64');
    assert.equal(report.measured.in_time, 1);
    assert.ok(report.changed.in_time > 0.2 && report.changed.p99_ms > 8, text);
    assert.match(report.notes[0]!, /off by 0\.5\d\d from what the server measured: trust the direction/);
  });

  it('takes the run times of the load where there is no console, and leaves out what it does not know', async (t) => {
    const report = arrivals(0.3 * CAPACITY, 50);
    const models = [...report.models, { model: 'gone', version: '1', signature: 's' }];
    const model = report.model.map((_, i) => (i < 5 ? 1 : 0));
    const admin = await serve(t, { '/metrics': METRICS, '/models': MODELS, '/arrivals': { ...report, models, model } });
    const { code, text } = await ask('--slo=100', `--admin=${admin}`);
    assert.equal(code, 0, text);
    assert.match(text, /^5 of gone version 1, s, are left out: its run times are not known\.$/m);
    assert.match(text, /^With an objective of 100 ms 1\.000 of the requests would be in time, as without\.$/m);
  });

  it('says what is missing, and ends with 1', async (t) => {
    const nobody = await ask('--cores=4', '--admin=127.0.0.1:1');
    assert.deepEqual(
      [nobody.code, /no sidecar at 127\.0\.0\.1:1: .*start `pillion serve`/.test(nobody.text)],
      [1, true],
    );
    const old = await serve(t, USUAL);
    assert.match(
      (await ask('--cores=4', `--admin=${old}`)).text,
      /does not keep its arrivals .*start it with this version/,
    );
    const idle = await serve(t, { ...USUAL, '/arrivals': arrivals(1e-9, 50) });
    const empty = await ask('--cores=4', '--seconds=30', `--admin=${idle}`);
    assert.equal(empty.code, 1);
    assert.match(empty.text, /no request came in the last 30 s: send some, and ask again/);
    const bare = await serve(t, { ...USUAL, '/models': { ...MODELS, models: [] }, '/arrivals': arrivals(1, 50) });
    assert.match((await ask('--cores=4', `--admin=${bare}`)).text, /how long its models run is not known/);
    const anySize = withFreeDims(MODELS);
    const short = await serve(t, { '/metrics': METRICS, '/models': anySize, '/arrivals': arrivals(1, 50) });
    assert.match((await ask('--cores=4', `--admin=${short}`)).text, /not known: .*any size, the console/);
    const other = await serve(t, { ...USUAL, '/arrivals': '<html>' });
    assert.match((await ask('--cores=4', `--admin=${other}`)).text, /GET \/arrivals cannot be read/);
  });

  it('wants something to change, in numbers', async () => {
    const nothing = await ask();
    assert.deepEqual([nothing.code, /what would change\? give --cores, --load/.test(nothing.text)], [64, true]);
    for (const [option, says] of [
      ['--cores=four', /--cores=four.* wants a number, such as 4 or 2\.5/],
      ['--cores=0', /--cores=0 wants a number above 0, at most 1000/],
      ['--load=5000', /--load=5000 wants a number above 0/],
      ['--slo=-1', /--slo=-1/],
      ['--max_batch_size=1.5', /--max_batch_size=1\.5/],
    ] as const) {
      const { code, text } = await ask(option);
      assert.equal(code, 64, text);
      assert.match(text, says);
    }
    assert.match((await ask('--help')).text, /^pillion what-if: .*--max_batch_size=N/s);
  });
});
