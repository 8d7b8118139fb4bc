import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LatenessMargin } from '../../../../src/scheduler/latency/lateness-margin.ts';
import { RefusedPlaces } from '../../../../src/scheduler/latency/refused-places.ts';
import { MAX_REFUSED_PLACES } from '../../../../src/scheduler/tuning.ts';

const RUN_MS = 8;
const ROWS = 32;
/** The move of a margin of a half for each row that was refused in vain, in ms. */
const STEP_MS = (0.5 * 0.5 * RUN_MS) / ROWS;

describe('Requests that were refused', () => {
  /** False refusals that the margin has learned of. */
  const foundBy = (margin: LatenessMargin): number => Math.round(0 - margin.forWait(Infinity, RUN_MS) / STEP_MS);
  const onRoom = (places: RefusedPlaces, rows: number, start: number, answeredAt: number): void =>
    places.onRoom(rows, start, answeredAt, RUN_MS, ROWS);

  it('were refused in vain if a run had room for them and was answered before they were due', () => {
    const places = new RefusedPlaces();
    const margin = new LatenessMargin(0.5);
    for (let i = 0; i < 10; i++) places.note(1, 50 + i, margin, i);
    onRoom(places, 4, 20, 40);
    assert.equal(foundBy(margin), 4, 'as many as there was room for');
    onRoom(places, 10, 20, 40);
    assert.equal(foundBy(margin), 10, 'each once');
    onRoom(places, 10, 20, 40);
    assert.equal(foundBy(margin), 10);
  });

  it('were not if the run began before they came, or was answered after they were due', () => {
    const places = new RefusedPlaces();
    const margin = new LatenessMargin(0.5);
    places.note(3, 50, margin, 10);
    onRoom(places, 8, 9, 40);
    assert.equal(foundBy(margin), 0, 'it began before');
    onRoom(places, 8, 11, 51);
    onRoom(places, 8, 11, 40);
    assert.equal(foundBy(margin), 0, 'they are over');
  });

  it('teach the margin that refused them', () => {
    const places = new RefusedPlaces();
    const [burst, standing] = [new LatenessMargin(0.5), new LatenessMargin(0.5)];
    places.note(2, 50, burst, 0);
    places.note(3, 50, standing, 0.1);
    places.noteAgain(50, 0.2);
    onRoom(places, 8, 1, 10);
    assert.deepEqual([foundBy(burst), foundBy(standing)], [2, 4]);
  });

  it('are bounded: the oldest are forgotten', () => {
    const places = new RefusedPlaces();
    const [old, others] = [new LatenessMargin(0.5), new LatenessMargin(0.5)];
    places.note(1, 1e6, old, 0);
    for (let i = 1; i <= MAX_REFUSED_PLACES; i++) places.note(1, 1e6, others, 2 * i);
    onRoom(places, 10_000, 1e5, 1e5);
    assert.deepEqual([foundBy(old), foundBy(others) > 0], [0, true]);
  });
});
