/** The section of a model with sequences: each sentence in a state where it is so, and in one where it is not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sequenceLimits } from '../../../src/features/sequences/sequence-limits.ts';
import { sequencesPage } from '../../../src/features/sequences/sequences-page.ts';
import type { SequencesReport } from '../../../src/features/sequences/sequences-report.ts';

const REPORT: SequencesReport = { open: 2, state_bytes: 3 * 2 ** 20, versions: { 7: 2 }, events: { started: 2 } };

const said = (report: SequencesReport | undefined): string =>
  sequencesPage(report, sequenceLimits({}))
    .sentences.map(({ text, tone }) => `${tone}: ${text}`)
    .join('\n');

describe('the section of sequences', () => {
  it('says how many are open, of how many, or that none has begun', () => {
    assert.match(
      said(REPORT),
      /^plain: 2 of at most 4096 sequences are open; their states take 3 MiB of at most 256 MiB\.$/m,
    );
    assert.match(said({ ...REPORT, state_bytes: 96 }), /their states take 96 bytes of/);
    assert.match(said(undefined), /^plain: No sequence has begun yet\.$/m);
    assert.doesNotMatch(said(REPORT), /No sequence/);
    assert.match(said(REPORT), /^plain: A sequence without a step for 60 s is lost\.$/m);
  });

  it('warns of sequences that were lost, and not of those that have ended or began anew', () => {
    const lost = said({ ...REPORT, events: { started: 9, expired: 2, evicted: 1, ended: 4 } });
    assert.match(lost, /^warn: 3 were lost: 2 had no step for too long, 1 gave room to others\.$/m);
    assert.doesNotMatch(said({ ...REPORT, events: { started: 9, ended: 4, restarted: 3 } }), /were lost/);
  });

  it('warns of sequences that were refused, where some were', () => {
    assert.match(said({ ...REPORT, events: { refused: 5 } }), /^warn: 5 were refused, /m);
    assert.doesNotMatch(said(REPORT), /refused/);
  });

  it('has a row for each version, and one for each event', () => {
    const [open, all] = sequencesPage({ ...REPORT, events: { started: 3, start_failed: 1 } }, sequenceLimits({}))
      .tables!;
    assert.deepEqual(open!.rows, [{ version: '7', open: 2 }]);
    assert.deepEqual(all!.rows[1], { event: 'start failed', count: 1 });
  });
});
