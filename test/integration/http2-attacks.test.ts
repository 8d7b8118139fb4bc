/** Each flood on a server's gRPC port, for a moment: its client is cut off, again and again, and others are served. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { targetOf } from '../attacks/net/attack.ts';
import { ATTACKS } from '../attacks/net/attacks.ts';
import { HEALTHY, probe } from '../support/probes.ts';
import { DIGITS, killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';

const SECONDS = 1;
const FLOODS = [
  'rapid-reset',
  'made-you-reset',
  'settings-entries',
  'settings-flood',
  'ping-flood',
  'priority-flood',
  'empty-data',
  'continuation-flood',
];

describe('floods of HTTP/2 frames', () => {
  let sidecar: Sidecar;

  before(async () => {
    sidecar = await startSidecar(DIGITS);
  });

  after(killSidecars);

  for (const name of FLOODS) {
    it(name, async () => {
      const attack = ATTACKS[name]!.attack(targetOf(sidecar.grpc), SECONDS, new AbortController().signal);
      assert.deepEqual(await probe(sidecar), HEALTHY);
      const counts = await attack;
      assert.ok(counts['cut_off']! > 0, JSON.stringify(counts));
      assert.deepEqual(await probe(sidecar), HEALTHY);
    });
  }

  it('a client whose windows stay closed holds streams and no more', async () => {
    const attack = ATTACKS['zero-window']!.attack(targetOf(sidecar.grpc), SECONDS, new AbortController().signal);
    assert.deepEqual(await probe(sidecar), HEALTHY);
    await attack;
    assert.deepEqual(await probe(sidecar), HEALTHY);
    assert.equal(await sidecar.stop(), 0);
  });
});
