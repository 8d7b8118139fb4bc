/** Each flood on a server's gRPC port, for a moment: its client is cut off, again and again, and others are served. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Counts, targetOf } from '../attacks/net/attack.ts';
import { ATTACKS } from '../attacks/net/attacks.ts';
import { HEALTHY, probe } from '../support/probes.ts';
import { DIGITS, killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';

const SECONDS = 1;
/** A busy machine may take longer than a moment to let a flood come to its end. */
const MOST_MOMENTS = 60;
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

  function attack(name: string): Promise<Counts> {
    return ATTACKS[name]!.attack(targetOf(sidecar.grpc), SECONDS, new AbortController().signal);
  }

  /** Moment after moment, until one is cut off. */
  async function flood(name: string): Promise<Counts> {
    let counts = await attack(name);
    for (let moments = 1; counts['cut_off'] === 0 && moments < MOST_MOMENTS; moments++) counts = await attack(name);
    return counts;
  }

  for (const name of FLOODS) {
    it(name, async () => {
      const flooding = flood(name);
      assert.deepEqual(await probe(sidecar), HEALTHY);
      const counts = await flooding;
      assert.ok(counts['cut_off']! > 0, JSON.stringify(counts));
      assert.deepEqual(await probe(sidecar), HEALTHY);
    });
  }

  it('a client whose windows stay closed holds streams and no more', async () => {
    const flooding = attack('zero-window');
    assert.deepEqual(await probe(sidecar), HEALTHY);
    await flooding;
    assert.deepEqual(await probe(sidecar), HEALTHY);
    assert.equal(await sidecar.stop(), 0);
  });
});
