import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Backlog, mostWaitingRows } from '../../../../src/scheduler/admission/backlog.ts';

const MAX = 8;

describe('A backlog', () => {
  it('has room up to the deadline until it has stood for longer than the request has time', () => {
    const backlog = new Backlog();
    backlog.look(MAX + 1, MAX, 100);
    assert.equal(backlog.isOver(1000, mostWaitingRows(1, MAX), 50, 300), false);
    assert.equal(backlog.isOver(1000, mostWaitingRows(1, MAX), 50, 301), true);
    assert.equal(backlog.isOver(1000, mostWaitingRows(1, MAX), 200, 301), false, 'one with more time may wait');
  });

  it('keeps one and a half batches then', () => {
    const backlog = new Backlog();
    backlog.look(MAX + 1, MAX, 0);
    assert.equal(backlog.isOver(12, mostWaitingRows(1, MAX), 50, 201), false);
    assert.equal(backlog.isOver(13, mostWaitingRows(1, MAX), 50, 201), true);
    assert.equal(backlog.isOver(20, mostWaitingRows(2, MAX), 50, 201), false, 'with two slots one more');
  });

  it('is over as soon as one batch takes all that waits', () => {
    const backlog = new Backlog();
    backlog.look(MAX + 1, MAX, 0);
    backlog.look(MAX, MAX, 60);
    backlog.look(MAX + 1, MAX, 61);
    assert.equal(backlog.isOver(1000, mostWaitingRows(1, MAX), 50, 201), false);
    assert.equal(backlog.isOver(1000, mostWaitingRows(1, MAX), 50, 262), true);
  });
});
