import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import type { Executor } from '../../../src/core/executor.ts';
import type { Signature } from '../../../src/core/signature.ts';
import { describeCandidate } from '../../../src/features/auto-runtime/choice-log.ts';
import { type ChooseOptions, chooseRuntime } from '../../../src/features/auto-runtime/choose-runtime.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { signature, spec } from '../../support/puppet-models.ts';

const MODEL = signature({ x: spec('float32', [-1]) }, { y: spec('float32', [-1]) });
const OTHER = signature({ x: spec('float32', [-1]) }, { z: spec('float32', [-1], 'z') });

interface Fake {
  /** What a run of so many rows takes. */
  readonly ms?: (rows: number) => number;
  /** Of the runtime alone: the rest is the way there. */
  readonly ownMs?: number;
  readonly signatures?: Readonly<Record<string, Signature>>;
  readonly loadError?: ServingError;
  readonly runError?: Error;
}

/** Artifacts by their kinds, in order. `events` tells what was loaded and closed. */
function harness(fakes: Readonly<Record<string, Fake>>, changes: Partial<ChooseOptions<never>> = {}) {
  const clock = new FakeClock();
  const events: string[] = [];
  const start = async (kind: string) => {
    const { ms = () => 1, ownMs, signatures = { s: MODEL }, loadError, runError } = fakes[kind]!;
    if (loadError !== undefined) throw loadError;
    events.push(`+${kind}`);
    const executor: Executor = {
      slots: 1,
      allocate: (byteLength) => new ArrayBuffer(byteLength),
      release: () => undefined,
      async run({ size }) {
        if (runError !== undefined) throw runError;
        const runStart = clock.nowMs();
        clock.advance(ms(size));
        return { outputs: new Map(), runStart, runEnd: runStart + (ownMs ?? ms(size)) };
      },
    };
    const close = async () => void events.push(`-${kind}`);
    return { kind, executor, signatures: new Map(Object.entries(signatures)), close };
  };
  const choose = () =>
    chooseRuntime({
      ...{ kinds: Object.keys(fakes), start, clock, isGentle: false, learnedRows: undefined },
      scheduler: { maxBatchSize: 8, allowedBatchSizes: [] },
      ...changes,
    });
  return { choose, events };
}

describe('choosing a runtime', () => {
  it('keeps the fastest, closes the others, and never has more than two', async () => {
    const { choose, events } = harness({ a: { ms: () => 2 }, b: { ms: () => 1 }, c: { ms: () => 4 } });
    const { host, choice } = await choose();
    assert.equal(host.kind, 'b');
    assert.deepEqual(events, ['+a', '+b', '-a', '+c', '-c']);
    assert.deepEqual(
      choice.candidates.map(({ runtime, outcome, relativeCost }) => [runtime, outcome, relativeCost?.toFixed(2)]),
      [
        ['a', 'slower', '2.00'],
        ['b', 'chosen', undefined],
        ['c', 'slower', '4.00'],
      ],
    );
    assert.equal(choice.reason, 'the next one takes 2 × as long, at one row and the largest batch');
    assert.deepEqual(
      choice.candidates[0]!.times.map(({ rows, ms }) => [rows, ms]),
      [1, 2, 4, 8].map((rows) => [rows, 2]),
    );
  });

  it('counts the way to the runtime, not its own time alone', async () => {
    const { host } = await harness({ near: { ms: () => 2 }, far: { ms: () => 3, ownMs: 1 } }).choose();
    assert.equal(host.kind, 'near');
  });

  it('stays with the preferred one where none is faster', async () => {
    assert.equal((await harness({ a: {}, b: {} }).choose()).host.kind, 'a');
  });

  it('goes by the batches that the model has had', async () => {
    const fakes = { alone: { ms: (rows: number) => rows }, together: { ms: () => 4 } };
    assert.equal((await harness(fakes, { learnedRows: 2 }).choose()).host.kind, 'alone');
    const { host, choice } = await harness(fakes, { learnedRows: 6.25 }).choose();
    assert.equal(host.kind, 'together');
    assert.match(choice.reason, /takes 1.6 × as long, at the usual 6.3 rows/);
  });

  it('skips one that does not load, and one that is another model, and says why', async () => {
    const { choose, events } = harness({
      broken: { loadError: new ServingError('load_failed', 'no natives') },
      good: { ms: () => 5 },
      odd: { ms: () => 1, signatures: { s: OTHER } },
    });
    const { host, choice } = await choose();
    assert.equal(host.kind, 'good');
    assert.deepEqual(events, ['+good', '+odd', '-odd']);
    assert.equal(choice.reason, 'no other artifact can be used');
    const [broken, , odd] = choice.candidates;
    assert.equal(describeCandidate(broken!), 'skipped: no natives');
    assert.match(odd!.reason!, /it is not the model that good has: signature "s": it has the output "z" too/);
  });

  it('serves what the first has, whichever wins', async () => {
    const { choose } = harness({
      first: { ms: () => 2 },
      fast: { ms: () => 1, signatures: { more: OTHER, s: MODEL } },
    });
    const { host, signatures } = await choose();
    assert.equal(host.kind, 'fast');
    assert.deepEqual([...signatures.keys()], ['s']);
  });

  it('does not time a single one', async () => {
    const { choice } = await harness({ only: {} }).choose();
    assert.deepEqual([choice.reason, choice.candidates[0]!.times], ['the version has no other artifact', []]);
  });

  it('keeps the first where made-up batches fail', async () => {
    const runError = new Error('zeros are not for this model');
    const { choose, events } = harness({ a: { runError }, b: { runError } });
    const { host, choice } = await choose();
    assert.equal(host.kind, 'a');
    assert.match(choice.candidates[1]!.reason!, /cannot be compared with a/);
    assert.deepEqual(events, ['+a', '+b', '-b']);
  });

  it('fails where none loads: with all reasons, and as one that may pass if one may', async () => {
    const broken = { loadError: new ServingError('load_failed', 'corrupt') };
    const full = { loadError: new ServingError('insufficient_memory', 'too large') };
    await assert.rejects(harness({ a: broken }).choose(), { kind: 'load_failed', message: 'corrupt' });
    await assert.rejects(harness({ a: broken, b: broken }).choose(), {
      kind: 'load_failed',
      message: 'none of its artifacts can be loaded: a: corrupt; b: corrupt',
    });
    await assert.rejects(harness({ a: broken, b: full }).choose(), { kind: 'insufficient_memory' });
  });
});
