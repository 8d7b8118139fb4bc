/**
 * Attacks on the memory of a sidecar that may have 512 MiB, under a real cgroup. It survives each, a neighbour's small
 * requests are all answered, and the memory goes back. test/attacks/memory/measure.ts runs them for longer, with figures.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type Attack, withNeighbour } from '../attacks/memory/attack.ts';
import { grpcGzip, gzipInGzip, zstdBombs } from '../attacks/memory/compression-bombs.ts';
import { heldMessages, trickledBodies } from '../attacks/memory/held-bodies.ts';
import { pipelinedPages, zeroWindows } from '../attacks/memory/unread-answers.ts';
import { MemoryGroup, residentBytes } from '../support/memory-group.ts';
import { DIGITS, killSidecars, type Sidecar, startSidecar, unbundled } from '../support/sidecar.ts';

const LIMIT_BYTES = 512 * 2 ** 20;
const SECONDS = 3;
/** V8's heap and malloc's arenas after work: 22 to 30 MiB were measured. Bodies took 200 MiB and more. */
const GROWTH_BYTES = 48 * 2 ** 20;
/** As many as an idle machine answers easily: it is not the test's to measure time. */
const PER_SECOND = 100;

const group = MemoryGroup.make(LIMIT_BYTES);

describe('a sidecar of 512 MiB', { skip: group === undefined && 'needs root, and cgroups that can be made' }, () => {
  let sidecar: Sidecar;
  let idleBytes: number;

  before(async () => {
    const environment = { MALLOC_MMAP_THRESHOLD_: '1048576' };
    sidecar = await startSidecar([...DIGITS, '--flight_recorder_max_mib=0'], environment, (command) =>
      group!.wrap(unbundled(command)),
    );
    // The flight recorder keeps requests on purpose. This loads Node 20's decoder of zstd, whose memory stays as a model's does.
    await zstdBombs(sidecar, 1, AbortSignal.timeout(1000));
    await withNeighbour(sidecar, PER_SECOND, AbortSignal.timeout(SECONDS * 1000));
    idleBytes = residentBytes(sidecar.process.pid!);
  });

  after(async () => {
    killSidecars();
    await sidecar.exited;
    group!.remove();
  });

  const survives = (name: string, attack: Attack): void => {
    test(`survives ${name}, and its neighbour is answered`, async () => {
      const end = AbortSignal.timeout(SECONDS * 1000);
      const [counts, beside] = await Promise.all([
        attack(sidecar, SECONDS, end),
        withNeighbour(sidecar, PER_SECOND, end),
      ]);
      assert.equal(sidecar.process.exitCode ?? sidecar.process.signalCode, null, sidecar.output().slice(-2000));
      // There the attack fills the model's queue as well, which refuses by its own rules.
      if (attack !== zeroWindows) assert.deepEqual(beside.failures, {}, JSON.stringify(counts));
      assert.ok(Object.values(counts).some((count) => count > 0));
    });
  };

  for (const [name, attack] of Object.entries({ gzipInGzip, zstdBombs, grpcGzip, heldMessages, trickledBodies })) {
    survives(name, attack);
  }

  test('gives the memory of bodies back', { timeout: 120_000 }, async () => {
    while (residentBytes(sidecar.process.pid!) > idleBytes + GROWTH_BYTES) await pause(500);
  });

  survives('zeroWindows', zeroWindows);
  survives('pipelinedPages', pipelinedPages);
});
