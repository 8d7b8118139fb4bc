/**
 * Networks that look honest in short runs, to 32 callers with rows of all lengths: no answer may be another than that of the
 * runtime alone, whether the network is padded or not, and while that is being proved. Honest encoders must be padded.
 *
 * `npm test -- length-networks` asks each a thousand times.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { killSidecars, type Sidecar } from '../../../support/sidecar.ts';
import { HONEST_ENCODERS } from '../networks/honest-encoders.ts';
import {
  askAll,
  askTogether,
  mixedRows,
  provedPadding,
  rowsAbout,
  runsOf,
  type SequenceModel,
  serveSequences,
  wrongAnswers,
} from '../networks/length-callers.ts';
import { LENGTH_NETWORKS } from '../networks/length-networks.ts';
import { MOST_TOKENS } from '../networks/masked-encoder.ts';
import { sequenceRow } from '../networks/sequence-session.ts';

/** Half of them while the padding is being proved. */
const ANSWERS = Number(process.env['PILLION_LENGTH_ANSWERS'] ?? 96);
/** Networks that one sidecar serves. */
const TOGETHER = 15;
const ROUNDS = 20;

/** A sidecar with these models, for the tests of one block. */
function serving(models: readonly SequenceModel[]): () => Sidecar {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-'));
  let sidecar: Sidecar;
  before(async () => {
    sidecar = await serveSequences(directory, models);
  });
  after(async () => {
    assert.equal(await sidecar.stop(), 0);
    killSidecars();
    rmSync(directory, { recursive: true, force: true });
  });
  return () => sidecar;
}

for (let first = 0; first < LENGTH_NETWORKS.length; first += TOGETHER) {
  const networks = LENGTH_NETWORKS.slice(first, first + TOGETHER);
  describe(`rows of all lengths, networks ${first + 1} to ${first + networks.length}`, () => {
    const sidecar = serving(networks);
    for (const [i, network] of networks.entries()) {
      it(`get what each gets alone: ${network.name}, ${network.from}`, async (t) => {
        const { name, from } = network;
        const rows = mixedRows(ANSWERS, from, MOST_TOKENS, first + i);
        const half = rows.length >> 1;
        const early = await askAll(sidecar(), network, rows.slice(0, half));
        const { is_on: isOn, reason } = await provedPadding(sidecar(), name);
        const late = await askAll(sidecar(), network, rows.slice(half));
        // One request whose rows differ in length: they share runs whatever else is on its way.
        const near = isOn ? rowsAbout(from, MOST_TOKENS) : [];
        const together = isOn ? await askTogether(sidecar(), network, near) : [];
        const all = [...rows, ...near];
        const wrong = await wrongAnswers(network, all, [...early, ...late, ...together]);
        const count = `${wrong.length} of ${all.length} wrong`;
        t.diagnostic(`${name} | ${from} | ${isOn ? 'on' : 'off'} | ${count} | ${reason}`);
        assert.equal(wrong.length, 0, `${count}, such as ${wrong.slice(0, 3).join('; ')}; ${reason}`);
      });
    }
  });
}

describe('rows of all lengths, honest encoders', () => {
  const sidecar = serving(HONEST_ENCODERS);
  for (const [i, encoder] of HONEST_ENCODERS.entries()) {
    it(`share runs up to the longest, and get what each gets alone: ${encoder.name}`, async (t) => {
      const { name, most } = encoder;
      const { is_on: isOn, reason } = await provedPadding(sidecar(), name);
      t.diagnostic(`${name} | ${most} | ${isOn ? 'on' : 'off'} | ${reason}`);
      assert.equal(isOn, true, reason);
      const rows = mixedRows(ANSWERS, most >> 1, most, i);
      assert.deepEqual(await wrongAnswers(encoder, rows, await askAll(sidecar(), encoder, rows)), []);
      // No two are of one length, and hardly anything is lost where some of them are padded.
      const longest = Array.from({ length: 32 }, (_, less) => sequenceRow(most - less, 'whole', less));
      let shared = 0;
      for (let round = 0; round < ROUNDS && shared === 0; round++) {
        const earlier = await runsOf(sidecar(), name);
        const answers = await askAll(sidecar(), encoder, longest);
        shared = longest.length - ((await runsOf(sidecar(), name)) - earlier);
        assert.deepEqual(await wrongAnswers(encoder, longest, answers), []);
      }
      assert.ok(shared > 0, `${longest.length} rows of about ${most} tokens had a run each, ${ROUNDS} times`);
    });
  }
});
