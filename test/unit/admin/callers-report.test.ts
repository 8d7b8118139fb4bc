/** The page of callers: each of its sentences in a state where it is so, and in one where it is not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CallerReport, callersPage } from '../../../src/admin/callers-report.ts';

const caller = (changes: Partial<CallerReport>): CallerReport => ({
  ...{ caller: 'a', cores: 0, core_seconds: 0, requests: 1, waiting_rows: 0 },
  ...changes,
});

const said = (callers: readonly CallerReport[], known = callers.length): string =>
  callersPage({ known, callers })
    .sentences.map(({ text }) => text)
    .join('\n');

describe('the page of callers', () => {
  it('says who takes most, of what', () => {
    const two = [caller({ cores: 0.75 }), caller({ caller: 'b', cores: 0.25 })];
    assert.equal(said(two), 'a takes most: 75 % of the 1 cores that runs took over ten seconds.');
    assert.deepEqual(
      callersPage({ known: 2, callers: two }).tables![0]!.rows.map(({ share }) => share),
      [0.75, 0.25],
    );
  });

  it('says so where no run has taken a core, or nobody has asked', () => {
    assert.equal(said([caller({})]), 'No run has taken a core in the last ten seconds.');
    assert.match(said([]), /^No caller is known/);
    assert.equal(callersPage({ known: 1, callers: [caller({})] }).tables![0]!.rows[0]!['share'], undefined);
  });

  it('says that callers wait only where several do', () => {
    const waiting = caller({ cores: 1, waiting_rows: 3 });
    assert.match(said([waiting, { ...waiting, caller: 'b' }]), /Requests of 2 callers wait/);
    assert.doesNotMatch(said([waiting, caller({ caller: 'b' })]), /wait/);
  });

  it('says how many are left out, where some are', () => {
    assert.match(said([caller({})], 73), /73 callers are known; these 1 take most/);
    assert.doesNotMatch(said([caller({})]), /are known/);
  });
});
