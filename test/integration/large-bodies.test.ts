/**
 * Each large body of test/attacks, two MiB of it, against the real server, with a well-behaved client beside: the
 * attacker gets its answer, and the client loses none. (How long the event loop is held, and what the client waits, is
 * measured by `npm run bench -- large`.)
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Attack, largeBodies, type Target } from '../attacks/large/large-bodies.ts';
import { startNeighbour, writeLargeModels } from '../attacks/large/large-models.ts';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';

const BYTES = 2 * 2 ** 20;

/** What those are answered with that are not served. */
const REFUSED: Readonly<Record<string, string>> = {
  'json: short strings': '413',
  'json: nested lists': '400',
  'json: a fault at the end': '400',
  'json: an unknown model': '404',
  'v2: short strings': '413',
  'v2: nested lists': '400',
  'v2, binary: empty strings': '413',
  'grpc: empty strings': 'grpc 8',
  'grpc: elements that were not sent': 'grpc 8',
};

describe('beside a large body', () => {
  let sidecar: Sidecar;
  let target: Target;
  const directory = mkdtempSync(join(tmpdir(), 'large-bodies-'));
  before(async () => {
    sidecar = await startSidecar(writeLargeModels(directory));
    target = { rest: sidecar.rest.slice('http://'.length), grpc: sidecar.grpc };
  });
  after(async () => {
    await sidecar.stop();
    killSidecars();
    rmSync(directory, { recursive: true });
  });
  for (const [name, attack] of Object.entries(largeBodies(BYTES))) {
    it(name, () => isAnswered(name, attack));
  }

  async function isAnswered(name: string, attack: Attack): Promise<void> {
    const neighbour = startNeighbour(target, 50);
    const counts = await attack(target, 0, new AbortController().signal);
    const { sent, failures } = await neighbour.stop();
    assert.deepEqual(counts, { [REFUSED[name] ?? (name.startsWith('grpc') ? 'grpc 0' : '200')]: 1 });
    assert.ok(sent > 0);
    assert.deepEqual(failures, {});
  }
});
