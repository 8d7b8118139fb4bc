/** What the console's page asks of a real sidecar. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { ModelDetail, SamplesDetail } from '../../../../src/admin/model-detail.ts';
import type { ModelsReport, VersionReport } from '../../../../src/admin/models-report.ts';
import type { RequestEntry } from '../../../../src/admin/request-entry.ts';
import type { LiveTick } from '../../../../src/features/console/live-report.ts';
import type { About } from '../../../../src/features/console/ui/about.ts';
import { untilProved } from '../../../support/proved-axes.ts';
import { DIGITS, killSidecars, runPillion, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

after(killSidecars);

const PIXELS = Array.from({ length: 64 }, () => 0.5);
const BODY = JSON.stringify({ instances: [PIXELS] });
const OURS = { 'x-pillion-console': '1' };

function post(
  sidecar: Sidecar,
  path: string,
  body?: string,
  headers: Record<string, string> = OURS,
): Promise<Response> {
  return fetch(`${sidecar.admin}${path}`, { method: 'POST', headers, ...(body !== undefined && { body }) });
}

/** fetch sets Host itself. */
function statusFor(sidecar: Sidecar, path: string, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(`${sidecar.admin}${path}`, { headers: { host }, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode!);
    });
    asked.once('error', reject).end();
  });
}

/** Ticks as they come, until one is as wanted. */
async function tickWhere(sidecar: Sidecar, isWanted: (tick: LiveTick) => boolean): Promise<LiveTick> {
  const abort = new AbortController();
  const { body } = await fetch(`${sidecar.admin}/events`, { signal: abort.signal });
  let text = '';
  for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (const [, data] of text.matchAll(/event: tick\ndata: (.*)\n\n/g)) {
      const tick = JSON.parse(data!) as LiveTick;
      if (!isWanted(tick)) continue;
      abort.abort();
      return tick;
    }
    // Something to count, once it is being counted.
    await fetch(`${sidecar.rest}/v1/models/digits:predict`, { method: 'POST', body: BODY });
  }
  throw new Error('the stream ended');
}

describe('the console of a sidecar', () => {
  it('serves its page, tells of the server, and counts what happens while somebody listens', async () => {
    const sidecar = await startSidecar(DIGITS);
    const page = await fetch(`${sidecar.admin}/`);
    assert.equal(page.status, 200);
    assert.match(await page.text(), /<title>Pillion<\/title>/);
    const about = (await (await fetch(`${sidecar.admin}/about`)).json()) as { rest: string[]; version: string };
    assert.deepEqual(about.rest, [sidecar.rest.slice('http://'.length)]);
    const tick = await tickWhere(sidecar, ({ versions }) => versions.some(({ requests }) => requests > 0));
    const [version] = tick.versions;
    assert.deepEqual([version!.model, version!.version, version!.in_time], ['digits', '1', version!.requests]);
    assert.ok(version!.p99_ms! >= version!.p50_ms! && version!.p50_ms! > 0);
    assert.equal(version!.stages_ms.length, 8);
    assert.ok(version!.batches!.count >= 1);
    assert.equal(await sidecar.stop(), 0);
  });

  it('names its pod and counts its starts where that is known, and is silent elsewhere', async (t) => {
    const args = [...DIGITS, `--state_dir=${tempDirectory(t)}`];
    const aboutOf = async ({ admin }: Sidecar): Promise<About> =>
      (await (await fetch(`${admin}/about`)).json()) as About;
    for (const starts of [1, 2]) {
      const sidecar = await startSidecar(args, { POD_NAME: 'pillion-0', POD_NAMESPACE: 'shop' });
      let about = await aboutOf(sidecar);
      while (about.starts === undefined) about = await aboutOf(sidecar);
      assert.deepEqual([about.pod, about.namespace, about.starts], ['pillion-0', 'shop', starts]);
      assert.equal(await sidecar.stop(), 0);
    }
    const bare = await startSidecar(DIGITS);
    const { host, pod, starts } = await aboutOf(bare);
    assert.deepEqual([host, pod, starts], [hostname(), undefined, undefined]);
    assert.equal(await bare.stop(), 0);
  });

  it('has the reports of features that are on, and of no others', async () => {
    const namesOf = async ({ admin }: Sidecar): Promise<string> => {
      const { reports } = (await (await fetch(`${admin}/reports`)).json()) as { reports: { name: string }[] };
      return reports.map(({ name }) => name).join();
    };
    const bare = await startSidecar(DIGITS);
    assert.equal(await namesOf(bare), 'callers');
    assert.equal((await fetch(`${bare.admin}/reports/application`)).status, 404);
    assert.deepEqual(await (await fetch(`${bare.admin}/reports?model=digits`)).json(), { reports: [] });
    const limits = (await (await fetch(`${bare.admin}/reports/callers`)).json()) as { parts: object[] };
    assert.equal(limits.parts.length, 1);
    assert.equal(await bare.stop(), 0);

    const full = await startSidecar([...DIGITS, '--app=http://127.0.0.1:9', '--caller_max_requests=8']);
    assert.equal(await namesOf(full), 'callers,application');
    const two = (await (await fetch(`${full.admin}/reports/callers`)).json()) as { parts: object[] };
    assert.equal(two.parts.length, 2);
    assert.equal(await full.stop(), 0);
  });

  it('tells of a model: configuration, signatures, what batches are expected to take', async () => {
    const sidecar = await startSidecar([`${DIGITS[0]},slo_ms=50,label.stable=1`]);
    await untilProved(sidecar);
    const detail = (await (await fetch(`${sidecar.admin}/models/digits`)).json()) as ModelDetail;
    assert.deepEqual([detail.config.slo_ms, detail.config.labels], [50, { stable: '1' }]);
    const [loaded] = detail.loaded;
    const signature = loaded!.signatures.find(({ name }) => name === 'serving_default')!;
    assert.deepEqual(signature.inputs, [
      { name: 'pixels', dtype: 'float32', shape: [-1, 64], range: [0, 16], picture: [8, 8] },
    ]);
    assert.equal(signature.batch, 'dynamic');
    const { sizes } = loaded!.latency.find(({ signature: name }) => name === 'serving_default')!;
    assert.ok(sizes.length > 1 && sizes.every(({ mean_ms, high_ms }) => mean_ms > 0 && high_ms >= mean_ms));
    const { features } = loaded!.signatures.find(({ name }) => name === 'classify')!;
    assert.deepEqual(
      [features![0]!.range, features![0]!.picture],
      [
        [0, 16],
        [8, 8],
      ],
    );
    const { samples } = (await (
      await fetch(`${sidecar.admin}/models/digits/samples?version=1`)
    ).json()) as SamplesDetail;
    assert.deepEqual(
      samples.map(({ name }) => name),
      loaded!.samples,
    );
    assert.equal((samples[0]!.inputs['pixels'] as number[]).length, 64);
    assert.equal((await fetch(`${sidecar.admin}/models/digits/samples`)).status, 200);
    assert.equal((await fetch(`${sidecar.admin}/models/digits/samples?version=2`)).status, 404);
    assert.equal((await fetch(`${sidecar.admin}/models/digits/samples?version=x`)).status, 400);
    assert.equal((await fetch(`${sidecar.admin}/models/none`)).status, 404);
    assert.equal((await fetch(`${sidecar.admin}/models/%zz`)).status, 400);
    assert.equal(await sidecar.stop(), 0);
  });

  it('asks a model as REST does, and the request is recorded', async () => {
    const sidecar = await startSidecar(DIGITS);
    const answer = await post(sidecar, '/playground/predict?model=digits', BODY);
    assert.equal(answer.status, 200);
    const same = await fetch(`${sidecar.rest}/v1/models/digits:predict`, { method: 'POST', body: BODY });
    assert.deepEqual(await answer.json(), await same.json());
    assert.match(answer.headers.get('server-timing')!, /execute;dur=/);
    const id = answer.headers.get('x-request-id');
    const recorded = (await (await fetch(`${sidecar.admin}/requests/${id}`)).json()) as RequestEntry;
    assert.deepEqual([recorded.peer, recorded.model, recorded.outcome], ['console', 'digits', 'ok']);
    const cases: [query: string, body: string, status: number, text: RegExp][] = [
      ['model=none', BODY, 404, /no model "none"/],
      ['model=digits&version=9', BODY, 404, /no version 9/],
      ['model=digits&version=x', BODY, 400, /wants a whole number/],
      ['model=digits', '{"instances":[[1]]}', 400, /pixels/],
      ['model=digits', '{', 400, /JSON/],
    ];
    for (const [query, body, status, text] of cases) {
      const refused = await post(sidecar, `/playground/predict?${query}`, body);
      assert.equal(refused.status, status, query);
      assert.match(((await refused.json()) as { error: string }).error, text);
    }
    assert.equal(await sidecar.stop(), 0);
  });

  it('unloads, loads and reloads a version', async () => {
    const sidecar = await startSidecar(DIGITS);
    const unloaded = await post(sidecar, '/models/digits/unload');
    assert.deepEqual(
      [unloaded.status, await unloaded.json()],
      [202, { model: 'digits', version: '1', action: 'unload' }],
    );
    await sidecar.line((line) => line['state'] === 'END');
    const { state, left_out } = await shownVersion(sidecar);
    assert.deepEqual([state, left_out], ['END', true]);
    const refused = await fetch(`${sidecar.rest}/v1/models/digits/versions/1:predict`, { method: 'POST', body: BODY });
    assert.match(((await refused.json()) as { error: string }).error, /unloaded by an operator/);
    assert.equal((await post(sidecar, '/models/digits/load?version=1')).status, 202);
    await sidecar.line((line) => line['state'] === 'AVAILABLE' && sidecar.lines.indexOf(line) > endOf(sidecar));
    assert.equal((await post(sidecar, '/models/digits/reload?version=1')).status, 202);
    await sidecar.line((line) => line['action'] === 'reload');
    assert.equal((await post(sidecar, '/models/digits/reload?version=7')).status, 404);
    assert.equal((await post(sidecar, '/models/digits/explode')).status, 405);
    assert.equal(await sidecar.stop(), 0);
  });

  it('loads a version beside the policy, says in whose name it is there, and refuses what is not', async (t) => {
    const base = join(tempDirectory(t), 'digits');
    for (const version of ['1', '2']) {
      cpSync('examples/digits/models/digits/1', join(base, version), { recursive: true });
    }
    mkdirSync(join(base, '7'));
    const sidecar = await startSidecar([`--model=digits=${base}`]);
    const detail = async () => (await (await fetch(`${sidecar.admin}/models/digits`)).json()) as ModelDetail;
    assert.deepEqual((await detail()).on_disk, ['7', '1']);
    const refusals: [path: string, headers: Record<string, string>, status: number, text: RegExp][] = [
      ['load?version=9', OURS, 404, /has no version 9; it holds 7, 2, 1/],
      ['load?version=7', OURS, 400, /version 7 in .* holds no file yet/],
      ['load?version=1', {}, 403, /x-pillion-console is missing/],
    ];
    for (const [path, headers, status, text] of refusals) {
      const refused = await post(sidecar, `/models/digits/${path}`, undefined, headers);
      assert.equal(refused.status, status, path);
      assert.match(((await refused.json()) as { error: string }).error, text);
    }
    assert.equal((await post(sidecar, '/models/digits/load?version=1')).status, 202);
    await sidecar.line((line) => line['version'] === '1' && line['state'] === 'AVAILABLE');
    const shown = (await detail()).versions.map(({ version, state, brought_in }) => [version, state, brought_in]);
    assert.deepEqual(shown, [
      ['2', 'AVAILABLE', undefined],
      ['1', 'AVAILABLE', true],
    ]);
    const answer = await fetch(`${sidecar.rest}/v1/models/digits/versions/1:predict`, { method: 'POST', body: BODY });
    assert.equal(answer.status, 200);
    const status = runPillion(['status', `--admin=${sidecar.admin.slice('http://'.length)}`]);
    assert.equal(await status.exited, 0);
    assert.match(status.output(), /^digits version 1: an operator has loaded it, beside the version policy/m);
    assert.equal((await post(sidecar, '/models/digits/unload?version=1')).status, 202);
    await sidecar.line((line) => line['version'] === '1' && line['state'] === 'END');
    assert.deepEqual((await detail()).on_disk, ['7', '1']);
    assert.equal(await sidecar.stop(), 0);
  });

  it('tells why a load is tried again, beside a version that answers, and gives it up when told', async (t) => {
    const base = join(tempDirectory(t), 'digits');
    cpSync('examples/digits/models/digits/1', join(base, '2'), { recursive: true });
    mkdirSync(join(base, '1'));
    const nobody = 'address: 127.0.0.1:1\nmodel: digits\nconnect_timeout_ms: 100\n';
    writeFileSync(join(base, '1', 'remote.yaml'), nobody);
    const sidecar = await startSidecar([`--model=digits=${base}`]);
    assert.equal((await post(sidecar, '/models/digits/load?version=1')).status, 202);
    await sidecar.line((line) => line['version'] === '1' && line['retry'] === 1);
    const shown = async () => ((await (await fetch(`${sidecar.admin}/models/digits`)).json()) as ModelDetail).versions;
    const [served, waiting] = await shown();
    assert.deepEqual([served!.state, served!.load], ['AVAILABLE', undefined]);
    assert.deepEqual([waiting!.state, waiting!.load?.last_failure?.kind], ['LOADING', 'backend_unavailable']);
    assert.equal((await post(sidecar, '/models/digits/unload?version=1')).status, 202);
    await sidecar.line((line) => line['version'] === '1' && line['state'] === 'END');
    assert.equal((await fetch(`${sidecar.rest}/v1/models/digits:predict`, { method: 'POST', body: BODY })).status, 200);
    assert.equal(await sidecar.stop(), 0);
  });

  it('answers to localhost alone, and changes nothing for a page of another origin', async () => {
    const sidecar = await startSidecar(DIGITS);
    for (const path of ['/', '/models', '/models/digits', '/events', '/about', '/requests', '/profile', '/metrics']) {
      assert.equal(await statusFor(sidecar, path, 'evil.example:8502'), 403, path);
    }
    for (const path of ['/live', '/ready']) assert.equal(await statusFor(sidecar, path, 'pod-7'), 200, path);
    // What a scraper sends through a proxy of the pod: no page's name is an address.
    for (const host of ['localhost', '10.1.2.3:9090', '[fd00::1]:9090']) {
      assert.equal(await statusFor(sidecar, '/metrics', host), 200, host);
    }
    for (const headers of [{}, { ...OURS, origin: 'https://evil.example' }]) {
      assert.equal((await post(sidecar, '/models/digits/unload', undefined, headers)).status, 403);
      assert.equal((await post(sidecar, '/playground/predict?model=digits', BODY, headers)).status, 403);
    }
    assert.equal((await shownVersion(sidecar)).state, 'AVAILABLE');
    assert.equal(await sidecar.stop(), 0);
  });

  it('tells a page of another origin nothing, and does no work for one', async () => {
    const sidecar = await startSidecar(DIGITS);
    const costly = ['/profile?seconds=1', '/record?model=digits&count=1&duration_ms=1000'];
    const telling = ['/models', '/models/digits', '/events', '/about', '/requests', '/requests/1/payload', '/metrics'];
    const foreign = [{ origin: 'http://evil' }, { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }];
    const ask = async (path: string, headers: Record<string, string>): Promise<number> => {
      const answer = await fetch(`${sidecar.admin}${path}`, { headers });
      assert.equal(answer.headers.get('access-control-allow-origin'), null, path);
      assert.equal(answer.headers.get('cross-origin-resource-policy'), 'same-origin', path);
      await answer.body?.cancel();
      return answer.status;
    };
    for (const path of [...costly, ...telling]) {
      for (const headers of foreign) assert.equal(await ask(path, { ...OURS, ...headers }), 403, path);
    }
    // An old browser sends none of these headers for an image or a script.
    for (const path of costly) assert.deepEqual([await ask(path, {}), await ask(path, OURS)], [403, 200], path);
    for (const path of ['/models', '/about', '/metrics']) assert.equal(await ask(path, {}), 200, path);
    // A link may lead here.
    assert.equal(await ask('/', { 'sec-fetch-site': 'cross-site' }), 200);
    assert.equal(await sidecar.stop(), 0);
  });
});

/** Of the first model, the highest. */
async function shownVersion(sidecar: Sidecar): Promise<VersionReport> {
  const { models } = (await (await fetch(`${sidecar.admin}/models`)).json()) as ModelsReport;
  return models[0]!.versions[0]!;
}

/** Where the log tells that a version has ended. */
function endOf({ lines }: Sidecar): number {
  return lines.findIndex((line) => line['state'] === 'END');
}
