import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { pulseBytes } from '../../../../../src/backends/host/process/pulse.ts';
import {
  CHECK_MS,
  PulseWatch,
  SILENT_CHECKS,
  UNWANTED_RUN_MS,
} from '../../../../../src/backends/host/process/pulse-watch.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';

describe('the watch over a process’s pulses', () => {
  it('reads them however they are cut', async () => {
    const { watch, stream, turn } = watched();
    const bytes = pulseBytes({ residentBytes: 5, runMs: 2.5 });
    stream.write(bytes.subarray(0, 3));
    stream.write(bytes.subarray(3, 10));
    await turn();
    assert.equal(watch.last, undefined);
    stream.write(Buffer.concat([bytes.subarray(10), pulseBytes({ residentBytes: 6, runMs: undefined })]));
    await turn();
    assert.deepEqual(watch.last, { residentBytes: 6, runMs: undefined });
  });

  it('does not look before the first, nor after it was stopped', async () => {
    const { clock, watch, beat } = watched();
    assert.equal(clock.armed, 0);
    await beat();
    assert.equal(clock.armed, 1);
    watch.stop();
    assert.equal(clock.armed, 0);
  });

  it('finds silence after so many looks, and no long run with pulses', async () => {
    const { clock, beat, look, hangs } = watched();
    await beat();
    for (let i = 0; i < 100; i++) {
      await look();
      await beat();
    }
    // The last pulse counts for one look.
    for (let i = 0; i < SILENT_CHECKS; i++) await look();
    assert.deepEqual(hangs, []);
    await look();
    assert.match(hangs[0]!, /no sign of life for 10 s/);
    assert.equal(clock.armed, 1);
  });

  it('accuses nobody after a pause of its own, however long', async () => {
    const { clock, beat, turn, hangs } = watched();
    await beat();
    clock.advance(1000 * CHECK_MS);
    await turn();
    assert.deepEqual(hangs, []);
  });

  it('finds a run that goes on long after its deadline, and no other', async () => {
    const { clock, watch, beat, look, hangs } = watched();
    await beat();
    watch.expectBy(clock.nowMs());
    for (let ms = CHECK_MS; ms <= UNWANTED_RUN_MS; ms += CHECK_MS) {
      await look();
      await beat();
    }
    assert.deepEqual(hangs, []);
    watch.expectBy(Infinity);
    await look();
    assert.deepEqual(hangs, []);
    watch.expectBy(clock.nowMs() - UNWANTED_RUN_MS);
    await beat();
    await look();
    assert.match(hangs[0]!, /a run went on 60 s after its deadline/);
  });
});

function watched() {
  const clock = new FakeClock();
  const stream = new PassThrough();
  const hangs: string[] = [];
  const onHang = (reason: string): number => hangs.push(reason);
  const watch = new PulseWatch({ clock, stream, onPulse: () => undefined, onHang });
  const turn = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  const beat = (): Promise<void> => {
    stream.write(pulseBytes({ residentBytes: 1, runMs: undefined }));
    return turn();
  };
  const look = (): Promise<void> => {
    clock.advance(CHECK_MS);
    return turn();
  };
  return { clock, stream, watch, hangs, turn, beat, look };
}
