/** GET /headroom of a real sidecar, on the probe port and for operators. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { newKey } from '../../../../src/cli/key.ts';
import type { Headroom } from '../../../../src/features/headroom/headroom-meter.ts';
import { writeAccessFile } from '../../../support/access-file.ts';
import { hasFeature } from '../../../support/has-feature.ts';
import { DIGITS, killSidecars, type PillionProcess, startSidecar } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

afterEach(killSidecars);

/** By another address than the one that --bind_address names. */
async function probesOf(sidecar: Pick<PillionProcess, 'line'>): Promise<string> {
  const { probes } = await sidecar.line(({ event }) => event === 'listening');
  return `http://127.0.0.2:${String(probes).slice(String(probes).lastIndexOf(':') + 1)}`;
}

async function headroomOf(address: string): Promise<Headroom> {
  const answer = await fetch(`${address}/headroom`);
  assert.equal(answer.headers.get('content-type'), 'application/json');
  return (await answer.json()) as Headroom;
}

async function statusOf(url: string, method = 'GET', body?: string): Promise<number> {
  const answer = await fetch(url, { method, ...(body !== undefined && { body }) });
  await answer.text();
  return answer.status;
}

describe('the probe port', () => {
  it('says how much more traffic the server takes, and which model it has it of', async () => {
    const sidecar = await startSidecar([...DIGITS, '--probe_port=0', '--slo_ms=200']);
    const probes = await probesOf(sidecar);
    const idle = await headroomOf(probes);
    // All of its load is that of the event loop: how much that is, after the start and beside others, is the machine's affair.
    const { cores, calls, queue_ms, requests_per_s, missed_per_s } = idle;
    assert.deepEqual(
      [cores, calls, queue_ms, requests_per_s, missed_per_s, idle.load],
      [0, 0, 0, 0, 0, idle.event_loop],
    );
    assert.ok(idle.headroom > 0 && Math.abs(idle.headroom + idle.load - 1) < 1e-9, JSON.stringify(idle));
    assert.equal(idle.objective_ms, 200);
    const body = JSON.stringify({ instances: [Array.from({ length: 64 }, () => 0.5)] });
    const url = `${sidecar.rest}/v1/models/digits:predict`;
    for (;;) {
      assert.equal(await statusOf(url, 'POST', body), 200);
      const { requests_per_s, models, load, headroom } = await headroomOf(`${sidecar.admin}`);
      // The figures have two digits: a few requests may be no load yet.
      if (requests_per_s === 0 || load === 0) continue;
      assert.ok(Math.abs(headroom + load - 1) < 1e-9);
      assert.deepEqual(
        models!.map(({ model }) => model),
        ['digits'],
      );
      break;
    }
    assert.equal(await sidecar.stop(), 0);
  });

  it('names no models where callers are asked who they are', { skip: !hasFeature('authorization') }, async (t) => {
    const file = writeAccessFile(tempDirectory(t), [
      { name: 'app', keys: [newKey().hash], may: [{ models: ['digits'], methods: ['predict'] }] },
    ]);
    const open = await startSidecar([...DIGITS, '--probe_port=0']);
    assert.deepEqual((await headroomOf(await probesOf(open))).models, []);
    const sidecar = await startSidecar([...DIGITS, '--probe_port=0', `--authorization_file=${file}`]);
    const { headroom, models } = await headroomOf(await probesOf(sidecar));
    assert.ok(headroom > 0);
    assert.equal(models, undefined);
    for (const each of [open, sidecar]) assert.equal(await each.stop(), 0);
  });
});
