/** A model with a response cache in a sidecar of its own: what runs, and what its metrics and status say. */
import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { GRU_STATE, writeGru } from '../../../support/gru-model.ts';
import { killSidecars, type Sidecar, startSidecar } from '../../../support/sidecar.ts';

/** Without a state. */
const AXES = GRU_STATE.slice(0, GRU_STATE.indexOf('state:'));

interface Report {
  readonly models: readonly {
    readonly name: string;
    readonly cache?: { readonly answers: number; readonly misses: number };
  }[];
}

type Time = { readonly count: number; readonly ns: number };

interface Statistics {
  readonly model_stats: readonly {
    readonly inference_count: number;
    readonly execution_count: number;
    readonly inference_stats: Readonly<Record<'success' | 'cache_hit' | 'cache_miss', Time>>;
  }[];
}

describe('a response cache', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-'));
  let sidecar: Sidecar;

  before(async () => {
    const file = join(directory, 'pillion.yaml');
    writeGru(join(directory, 'rolled'), AXES);
    writeFileSync(
      file,
      `models:
  - {name: digits, base_path: examples/digits/models/digits, cache: {max_mib: 1}}
  - {name: rolled, base_path: ${join(directory, 'rolled')}, cache: {max_mib: 1}}
`,
    );
    sidecar = await startSidecar([`--config=${file}`, '--file_system_poll_wait_seconds=1']);
  });
  after(async () => {
    assert.equal(await sidecar.stop(), 0);
    killSidecars();
    rmSync(directory, { recursive: true, force: true });
  });

  async function predict(pixels: readonly number[]): Promise<unknown> {
    const answer = await fetch(`${sidecar.rest}/v1/models/digits:predict`, {
      method: 'POST',
      body: JSON.stringify({ instances: [pixels] }),
    });
    assert.equal(answer.status, 200);
    return await answer.json();
  }

  async function metric(name: string, label: string): Promise<number> {
    const page = await (await fetch(`${sidecar.admin}/metrics`)).text();
    const line = page.split('\n').find((each) => each.startsWith(`${name}{`) && each.includes(label));
    return Number(line?.split(' ')[1] ?? 0);
  }

  const image = (seed: number): number[] => Array.from({ length: 64 }, (_, i) => (seed * i) % 16);

  it('answers the same requests with as few runs as there are different ones', async () => {
    const before = await metric('pillion_batch_size_sum', 'model="digits"');
    const asked = Array.from({ length: 60 }, (_, i) => i % 3);
    const first = await Promise.all(asked.map((seed) => predict(image(seed + 1))));
    const again = await Promise.all(asked.map((seed) => predict(image(seed + 1))));
    assert.deepEqual(again, first);
    assert.equal((await metric('pillion_batch_size_sum', 'model="digits"')) - before, 3);
    const [hits, misses, joined] = await Promise.all(
      ['hit', 'miss', 'coalesced'].map((result) => metric('pillion_cache_requests_total', `result="${result}"`)),
    );
    assert.deepEqual([misses, hits! + joined!], [3, 117]);
    assert.equal(await metric('pillion_cache_answers', 'model="digits"'), 3);
    const { models } = (await (await fetch(`${sidecar.admin}/models`)).json()) as Report;
    const cache = models.find(({ name }) => name === 'digits')?.cache;
    assert.deepEqual([cache?.answers, cache?.misses], [3, 3]);
    const stats = (await (await fetch(`${sidecar.rest}/v2/models/digits/stats`)).json()) as Statistics;
    const { inference_count: rows, execution_count: runs, inference_stats: times } = stats.model_stats[0]!;
    assert.deepEqual([rows, times.success.count, times.cache_hit.count, times.cache_miss.count], [3, 120, 117, 3]);
    assert.ok(runs >= 1 && runs <= 3 && times.cache_hit.ns > 0);
    const page = await (await fetch(`${sidecar.rest}/monitoring/prometheus/metrics`)).text();
    for (const line of [
      'nv_cache_num_hits_per_model{model="digits",version="1"} 117',
      'nv_inference_count{model="digits",version="1"} 3',
      'nv_inference_pending_request_count{model="digits",version="1"} 0',
    ]) {
      assert.ok(page.includes(`${line}\n`), line);
    }
  });

  it('says of a request how it was served', async () => {
    for (let i = 0; i < 2; i++) await predict(image(9));
    const list = await (await fetch(`${sidecar.admin}/requests?model=digits&limit=2`)).json();
    const { requests } = list as { requests: readonly { readonly cache?: string }[] };
    assert.deepEqual(
      requests.map(({ cache }) => cache),
      ['hit', 'miss'],
    );
  });

  it('gives no answer of a version that was replaced, and lets them go', async () => {
    const body = JSON.stringify({ inputs: { x: [[1, 2, 3, 4]], h: [[[1, 2, 3, 4, 5, 6, 7, 8]]] } });
    const ask = async (): Promise<string> => {
      const answer = await fetch(`${sidecar.rest}/v1/models/rolled:predict`, { method: 'POST', body });
      assert.equal(answer.status, 200);
      return await answer.text();
    };
    const old = await ask();
    assert.equal(await ask(), old);
    assert.equal(await metric('pillion_cache_answers', 'model="rolled"'), 1);
    writeGru(join(directory, 'staged'), AXES, 2);
    renameSync(join(directory, 'staged', '2'), join(directory, 'rolled', '2'));
    await sidecar.line(({ model, version, state }) => model === 'rolled' && version === '1' && state === 'END');
    assert.equal(await metric('pillion_cache_answers', 'model="rolled"'), 0);
    assert.notEqual(await ask(), old);
  });
});
