import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { heartbeatBytes } from '../../../../../src/backends/host/process/heartbeat.ts';
import {
  CHECK_MS,
  HeartbeatMonitor,
  OVERDUE_RUN_MS,
  SILENT_CHECKS,
} from '../../../../../src/backends/host/process/heartbeat-monitor.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';

describe('HeartbeatMonitor', () => {
  it('reads heartbeats however their bytes are split', async () => {
    const { monitor, stream, turn } = monitored();
    const bytes = heartbeatBytes({ residentBytes: 5, runMs: 2.5 });
    stream.write(bytes.subarray(0, 3));
    stream.write(bytes.subarray(3, 10));
    await turn();
    assert.equal(monitor.last, undefined);
    stream.write(Buffer.concat([bytes.subarray(10), heartbeatBytes({ residentBytes: 6, runMs: undefined })]));
    await turn();
    assert.deepEqual(monitor.last, { residentBytes: 6, runMs: undefined });
  });

  it('does not check before the first heartbeat, nor after stop', async () => {
    const { clock, monitor, beat } = monitored();
    assert.equal(clock.armed, 0);
    await beat();
    assert.equal(clock.armed, 1);
    monitor.stop();
    assert.equal(clock.armed, 0);
  });

  it('reports silence after SILENT_CHECKS checks, and no long run with heartbeats', async () => {
    const { clock, beat, look, hangs } = monitored();
    await beat();
    for (let i = 0; i < 100; i++) {
      await look();
      await beat();
    }
    // The last heartbeat counts for one check.
    for (let i = 0; i < SILENT_CHECKS; i++) await look();
    assert.deepEqual(hangs, []);
    await look();
    assert.match(hangs[0]!, /no heartbeat came for 10 s/);
    assert.equal(clock.armed, 1);
  });

  it('reports no hang after a pause of the server, however long', async () => {
    const { clock, beat, turn, hangs } = monitored();
    await beat();
    clock.advance(1000 * CHECK_MS);
    await turn();
    assert.deepEqual(hangs, []);
  });

  it('reports only a run that goes on long after its deadline', async () => {
    const { clock, monitor, beat, look, hangs } = monitored();
    await beat();
    monitor.expectBy(clock.nowMs());
    for (let ms = CHECK_MS; ms <= OVERDUE_RUN_MS; ms += CHECK_MS) {
      await look();
      await beat();
    }
    assert.deepEqual(hangs, []);
    monitor.expectBy(Infinity);
    await look();
    assert.deepEqual(hangs, []);
    monitor.expectBy(clock.nowMs() - OVERDUE_RUN_MS);
    await beat();
    await look();
    assert.match(hangs[0]!, /a run went on 60 s after its deadline/);
  });
});

function monitored() {
  const clock = new FakeClock();
  const stream = new PassThrough();
  const hangs: string[] = [];
  const onHang = (reason: string): number => hangs.push(reason);
  const monitor = new HeartbeatMonitor({ clock, stream, onHeartbeat: () => undefined, onHang });
  const turn = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  const beat = (): Promise<void> => {
    stream.write(heartbeatBytes({ residentBytes: 1, runMs: undefined }));
    return turn();
  };
  const look = (): Promise<void> => {
    clock.advance(CHECK_MS);
    return turn();
  };
  return { clock, stream, monitor, hangs, turn, beat, look };
}
