/**
 * A caller that asks for very much, or takes no answers, beside one that sends small requests: on the real server, over
 * both surfaces, each of the small ones is answered. Counts decide, not times: a small request has long to be answered.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { CallersReport } from '../../src/admin/callers-report.ts';
import { type Attack, predictFrame, type Target } from '../attacks/rows/attack.ts';
import { manyRows } from '../attacks/rows/many-rows.ts';
import { unreadAnswers, zeroWindowStreams } from '../attacks/rows/unread-answers.ts';
import { writeCostlyModel } from '../support/costly-model.ts';
import { hasFeature } from '../support/has-feature.ts';
import { grpcClient, Neighbour, restClient } from '../support/neighbour.ts';
import { killSidecars, runPillion, type Sidecar, startSidecar } from '../support/sidecar.ts';

/** Few enough to be less than a caller's share of a machine that others use, where bursts follow stalls. */
const SMALL = { total: 250, perSecond: 100, patienceMs: 30_000 };
/** Ended by the test, when the small requests have been answered. */
const ATTACK_SECONDS = 60;

const ATTACKS: Readonly<Record<string, Attack>> = {
  '60,000 rows in 40 bytes': manyRows(60_000),
  '600,000 rows in 40 bytes': manyRows(600_000),
  '60,000 rows with a deadline': manyRows(60_000, '30S'),
  'streams without a window': zeroWindowStreams(64),
  'answers that are not read': unreadAnswers(64),
};

function smallRequests(target: Target, surface: 'grpc' | 'rest') {
  const { grpc, rest, model, rowShape } = target;
  if (surface === 'grpc') return grpcClient(grpc, predictFrame(target, 1), { 'grpc-timeout': '30S' });
  return restClient(`${rest}/v1/models/${model}:predict`, `{"instances":${rowShape.length === 0 ? '[1]' : '[[1]]'}}`);
}

describe('Beside a caller that sends', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-'));
  let sidecar: Sidecar;

  before(async () => {
    const half = '--model=half_plus_two=examples/half_plus_two/models/half_plus_two';
    sidecar = await startSidecar([half, writeCostlyModel(directory)]);
  });
  after(async () => {
    assert.equal(await sidecar.stop(), 0);
    killSidecars();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Costly rows run on a thread, cheap ones on the event loop. */
  for (const [name, attack] of Object.entries(ATTACKS)) {
    for (const [surface, model, rowShape] of [
      ['grpc', 'costly', [1]],
      ['rest', 'half_plus_two', []],
    ] as const) {
      it(`${name}, small requests over ${surface} to ${model} lose nothing`, async () => {
        const target: Target = { grpc: sidecar.grpc, rest: sidecar.rest, model, rowShape };
        const stop = new AbortController();
        const attacking = attack(target, ATTACK_SECONDS, stop.signal);
        const { answered, failures } = await new Neighbour([smallRequests(target, surface)], SMALL).end();
        stop.abort();
        const counts = await attacking;
        assert.ok((counts['sent'] ?? 0) > 0, JSON.stringify(counts));
        assert.deepEqual([answered, failures], [SMALL.total, {}]);
      });
    }
  }

  it('much, the operator sees who it is', async () => {
    const { callers, known } = (await (await fetch(`${sidecar.admin}/callers`)).json()) as CallersReport;
    assert.ok(known >= callers.length && callers.length <= 20);
    const [first, ...others] = callers;
    assert.match(first!.caller, /^local:\d+$/);
    for (const { core_seconds } of others) assert.ok(core_seconds >= 0);
    const { exited, output } = runPillion(['status', '--callers', `--admin=${sidecar.admin.replace('http://', '')}`]);
    assert.equal(await exited, 0);
    assert.match(output(), /^caller +cores +core seconds +requests +waiting rows\n(local:\d+ +\d+\.\d+ +.*\n)+/);
  });
});

describe('A caller with limits', { skip: !hasFeature('caller-limits') }, () => {
  after(() => killSidecars());

  it('is refused what passes them, over both surfaces, with the delay, and others are not', async () => {
    const sidecar = await startSidecar([
      '--model=half_plus_two=examples/half_plus_two/models/half_plus_two',
      ...['--caller_header=x-caller', '--caller_rows_per_s=3', '--caller_max_mib=1'],
    ]);
    const ask = (caller: string, rows: number): Promise<Response> =>
      fetch(`${sidecar.rest}/v1/models/half_plus_two:predict`, {
        method: 'POST',
        headers: { 'x-caller': caller },
        body: JSON.stringify({ instances: new Array<number>(rows).fill(1) }),
      });
    const startedAt = performance.now();
    assert.equal((await ask('a', 3)).status, 200);
    let allowed = 1;
    let refused = await ask('a', 3);
    // A second may pass between two of them, and then there is room again.
    for (; refused.status === 200; refused = await ask('a', 3)) allowed += 1;
    assert.equal(refused.status, 429);
    assert.ok(allowed <= 1 + (performance.now() - startedAt) / 1000, `${allowed} were taken`);
    assert.equal(refused.headers.get('retry-after'), '1');
    assert.match(((await refused.json()) as { error: string }).error, /3 rows a second \(--caller_rows_per_s\); retry/);
    assert.equal((await ask('b', 3)).status, 200);
    assert.equal((await ask('c', 4)).status, 413);
    const metrics = await (await fetch(`${sidecar.admin}/metrics`)).text();
    assert.match(metrics, /pillion_scheduler_refusals_total\{[^}]*reason="caller_limit"[^}]*\} 2/);
    assert.equal(await sidecar.stop(), 0);
  });
});
