import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ServingError } from '../../../src/core/errors.ts';
import type { Batch, BatchResult, Executor } from '../../../src/core/executor.ts';
import type { BatchAxis, Signature, Signatures } from '../../../src/core/signature.ts';
import { numericTensor } from '../../../src/core/tensor.ts';
import { type KeptOutcomes, NOTHING_KEPT } from '../../../src/features/row-proofs/decision-store.ts';
import type { PaddingProof } from '../../../src/features/row-proofs/padding/prove-padding.ts';
import { LOAD_BUDGET_MS, RUN_BUDGET_MS } from '../../../src/features/row-proofs/proof-pace.ts';
import { VersionBatching, type VersionBatchingOptions } from '../../../src/features/row-proofs/version-batching.ts';
import type { AxisOutcome } from '../../../src/models/loading/batch-axes.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { LENGTH_PADDING, LENGTH_SIGNATURE, runSequences } from '../../support/length-models.ts';
import { type Rows, rowRun, signatureOf } from '../../support/row-models.ts';

/** Proofs of padding end there, so that they are short. */
const LONGEST_PROVED = 33;
const DECLARED = new Map([['s', { values: new Map(), longest: LONGEST_PROVED }]]);

const double = (x: Rows): Rows => x.map((row) => row.map((v) => 2 * v + 1));
const shared = (x: Rows): Rows => x.map((row) => row.map((v) => v + x.length));

/** A version whose runs take `runMs` on the fake clock. */
function setUp(runMs: number, model = double, changes: Partial<VersionBatchingOptions> = {}) {
  const clock = new FakeClock();
  const decided: BatchAxis[] = [];
  const disproved: string[] = [];
  const kept: AxisOutcome[] = [];
  const sizes: number[] = [];
  const state = { inFlight: 0, fails: undefined as ServingError | undefined };
  const run = rowRun(model);
  const executor: Executor = {
    slots: 1,
    allocate: (bytes) => new ArrayBuffer(bytes),
    release: () => undefined,
    run: async ({ inputs, size }: Batch): Promise<BatchResult> => {
      state.inFlight += 1;
      sizes.push(size);
      assert.equal(state.inFlight, 1, 'two runs at once');
      const runStart = clock.nowMs();
      clock.advance(runMs);
      await turn();
      state.inFlight -= 1;
      if (state.fails !== undefined) throw state.fails;
      return { outputs: await run(inputs), runStart, runEnd: runStart + runMs };
    },
  };
  const batching = new VersionBatching({
    clock,
    signatures: new Map([['s', signatureOf()]]),
    executor,
    maxRows: 64,
    slowRunMs: 0,
    paddings: undefined,
    readLengths: async () => ({ kind: 'read', lengths: [] }),
    declared: new Map(),
    judge: async () => ({ kind: 'rows', reason: '' }),
    kept: {
      ...NOTHING_KEPT,
      keep: async (_, outcome) => {
        kept.push(outcome);
      },
    },
    readRecorded: async () => new Map(),
    events: { onDecided: (_, axis) => decided.push({ ...axis }), onDisproved: (_, reason) => disproved.push(reason) },
    ...changes,
  });
  /** Lets time pass until `isDone`. */
  const until = async (isDone: () => boolean, stepMs = 1): Promise<void> => {
    for (let i = 0; i < 60_000 && !isDone(); i++) {
      clock.advance(stepMs);
      await turn();
    }
    assert.ok(isDone(), 'it never came');
  };
  return { clock, batching, decided, disproved, kept, sizes, state, until };
}

const HIDDEN = LENGTH_SIGNATURE.outputs.get('hidden')!;
const ELSEWHERE: Executor = {
  slots: 1,
  isElsewhere: true,
  allocate: (bytes) => new ArrayBuffer(bytes),
  release: () => undefined,
  run: () => assert.fail('it has other clients'),
};
const TOLD_ELSEWHERE: Signature = {
  ...LENGTH_SIGNATURE,
  batchAxis: { ...LENGTH_SIGNATURE.batchAxis, reason: 'as its server says' },
};
const IDLE = { queuedTasks: 0, runningBatches: 0 };
const axisOf = (signatures: Signatures): BatchAxis => (signatures.get('s') as Signature).batchAxis;

describe('VersionBatching', () => {
  it('proves a fast model while it loads', async () => {
    const { batching, kept, clock, sizes } = setUp(0.1);
    const { kind, reason } = axisOf(await batching.decide());
    assert.deepEqual([kind, reason], ['dynamic', `proved from the graph and by ${sizes.length} runs`]);
    assert.deepEqual(kept, [{ kind: 'rows', reason }]);
    assert.equal(clock.armed, 0);
  });

  it('makes no run while a model loads of which one took long', async () => {
    const { batching, clock, sizes } = setUp(20_000, double, { slowRunMs: 20_000 });
    const deciding = batching.decide();
    await turn();
    clock.advance(1);
    assert.equal(axisOf(await deciding).kind, 'none');
    assert.deepEqual([sizes, await batching.firstRunMs()], [[], 0]);
  });

  it('tells how long the first run took, once it has ended', async () => {
    const { batching, sizes } = setUp(20_000);
    await batching.decide();
    assert.deepEqual([await batching.firstRunMs(), sizes.length], [20_000, 1]);
  });

  it('serves a slow model at once, and goes on when it is served', async () => {
    const { batching, clock, sizes, until, decided, kept } = setUp(40);
    const startedAt = clock.nowMs();
    const signatures = await batching.decide();
    assert.ok(clock.nowMs() - startedAt < LOAD_BUDGET_MS + 100);
    assert.deepEqual({ ...axisOf(signatures) }, { kind: 'none', reason: 'the proof still runs', fix: undefined });
    const before = sizes.length;
    clock.advance(10_000);
    await turn();
    assert.equal(sizes.length, before, 'it ran while the version was warmed up');
    let accepted: Signatures | undefined;
    batching.serve(IDLE, async (found) => {
      accepted = found;
    });
    await until(() => accepted !== undefined);
    assert.equal(axisOf(accepted!).kind, 'dynamic');
    assert.deepEqual(
      decided.map(({ kind }) => kind),
      ['none', 'dynamic'],
    );
    assert.equal(kept.length, 1);
    // No request waits for a large batch.
    assert.ok(Math.max(...sizes.slice(before)) <= 8);
    assert.equal(clock.armed, 0);
  });

  it('says so where rows are mixed, and leaves the version as it is', async () => {
    const { batching, until, decided } = setUp(200, shared, { judge: async () => undefined });
    const signatures = await batching.decide();
    batching.serve(IDLE, async () => assert.fail('nothing was proved'));
    await until(() => decided.length === 2);
    assert.match(axisOf(signatures).reason!, /output "y" of a row/);
    assert.equal(axisOf(signatures).kind, 'none');
  });

  it('waits for requests, but not for ever', async () => {
    const { batching, clock, until, sizes } = setUp(40);
    await batching.decide();
    const before = sizes.length;
    const served = { queuedTasks: 1, runningBatches: 1 };
    let isProved = false;
    const startedAt = clock.nowMs();
    batching.serve(served, async () => {
      isProved = true;
    });
    await until(() => isProved);
    // Each run waited for 11 times its length.
    const runs = sizes.length - before;
    const elapsedMs = clock.nowMs() - startedAt;
    assert.ok(runs > 5 && elapsedMs > (runs - 1) * 12 * 40, `${runs} runs in ${elapsedMs} ms`);
  });

  it('gives up when its runs take too long together', async () => {
    const { batching, until, decided, sizes, kept } = setUp(7000);
    const signatures = await batching.decide();
    batching.serve(IDLE, async () => assert.fail('nothing was proved'));
    await until(() => decided.length === 2, 1000);
    assert.equal(axisOf(signatures).reason, 'runs do not prove it: it needs runs of more than 60 s together');
    assert.equal(axisOf(signatures).fix, 'if the rows are independent, declare the batch axis in pillion.yaml');
    assert.equal(sizes.length, Math.ceil(RUN_BUDGET_MS / 7000));
    // The next start may have a faster machine.
    assert.deepEqual(kept, []);
  });

  it('stops at a worker that was lost, whatever its model refuses', async () => {
    const { batching, state, sizes } = setUp(1);
    state.fails = new ServingError('worker_lost', 'it died');
    const { kind, reason } = axisOf(await batching.decide());
    assert.deepEqual([kind, reason, sizes.length], ['none', 'runs do not prove it: a run failed: it died', 1]);
  });

  it('runs nothing more once it has ended, and is then silent', async () => {
    for (const isServed of [false, true]) {
      const { batching, clock, sizes, decided } = setUp(400);
      await batching.decide();
      if (isServed) batching.serve(IDLE, async () => assert.fail('it has ended'));
      await turn();
      batching.end();
      await turn();
      const before = sizes.length;
      for (let i = 0; i < 100; i++) {
        clock.advance(1000);
        await turn();
      }
      assert.deepEqual([sizes.length, decided.length, clock.armed], [before, 1, 0]);
    }
  });

  it('obeys a wrong declaration, and warns of it', async () => {
    const declared = new Map([['s', signatureOf({ kind: 'dynamic', reason: 'declared in pillion.yaml' })]]);
    const byRuns = setUp(1, shared, { signatures: declared, declared });
    assert.equal(axisOf(await byRuns.batching.decide()).reason, 'declared in pillion.yaml');
    assert.equal(byRuns.sizes.length, 0);
    byRuns.batching.serve(IDLE, async () => assert.fail('it is batched already'));
    await byRuns.until(() => byRuns.disproved.length > 0);
    assert.match(byRuns.batching.disproofs.get('s')!, /output "y" of a row is another/);
    const judge = async () => ({ kind: 'mixed', reason: 'a softmax over dim 0' }) as const;
    const byGraph = setUp(1, shared, { signatures: declared, declared, judge });
    await byGraph.batching.decide();
    byGraph.batching.serve(IDLE, async () => undefined);
    await byGraph.until(() => byGraph.disproved.length > 0);
    assert.deepEqual([byGraph.disproved, byGraph.sizes.length], [['a softmax over dim 0'], 0]);
  });
});

describe('The padding of a version', () => {
  type Padded = Partial<VersionBatchingOptions> & {
    readonly ignoresMask?: boolean;
    /** Rows of a run that is longer ignore the mask. */
    readonly changesBeyond?: number;
    readonly refuses?: boolean;
    readonly runMs?: number;
  };

  function setUpPadded({
    ignoresMask = false,
    refuses = false,
    changesBeyond = Infinity,
    runMs = 0.1,
    ...changes
  }: Padded = {}) {
    const runs = { count: 0 };
    const states: [string, boolean, string][] = [];
    const clock = new FakeClock();
    const executor: Executor = {
      slots: 1,
      allocate: (bytes) => new ArrayBuffer(bytes),
      release: () => undefined,
      run: async ({ inputs }) => {
        runs.count += 1;
        const isLong = inputs.get('ids')!.shape[1]! > changesBeyond;
        if (refuses) throw new ServingError('backend_failed', 'no');
        const runStart = clock.nowMs();
        clock.advance(runMs);
        await turn();
        return {
          outputs: runSequences(inputs, { ignoresMask: ignoresMask || isLong }),
          runStart,
          runEnd: runStart + runMs,
        };
      },
    };
    const set = setUp(0, double, {
      clock,
      executor,
      signatures: new Map([['s', LENGTH_SIGNATURE]]),
      paddings: DECLARED,
      events: {
        onDecided: () => undefined,
        onDisproved: () => undefined,
        onPadding: (name, { isOn, reason }) => states.push([name, isOn, reason]),
      },
      ...changes,
    });
    const until = async (isDone: () => boolean): Promise<void> => {
      for (let i = 0; i < 60_000 && !isDone(); i++) {
        clock.advance(20);
        await turn();
      }
      assert.ok(isDone(), 'it never came');
    };
    return { ...set, states, until, runs };
  }

  it('is proved while a fast model loads', async () => {
    const { batching, states, until } = setUpPadded();
    const signature = (await batching.decide()).get('s')!;
    assert.deepEqual(signature.padding, { ...LENGTH_PADDING, most: 16 });
    batching.serve(IDLE, async () => undefined);
    await until(() => states.length === 2);
    assert.equal(signature.padding?.most, LONGEST_PROVED);
    assert.equal(signature.batchAxis.kind, 'dynamic');
    assert.match(states.at(-1)![2], /^up to length 33, by \d+ runs in which it changed no answer; no row is longer$/);
    assert.deepEqual([states.length, batching.paddings.get('s')!.isOn], [2, true]);
  });

  it('is refused, with the reason, where it changes answers or the dims do not allow it', async () => {
    const pooled = { ...LENGTH_SIGNATURE, outputs: new Map([['hidden', { ...HIDDEN, dimNames: ['batch', '', ''] }]]) };
    for (const [changes, reason] of [
      [{ ignoresMask: true }, /of a row of length \d+ changes when it is padded/],
      [{ signatures: new Map([['s', pooled]]) }, /nothing tells how to cut it back/],
    ] as const) {
      const { batching, states } = setUpPadded(changes);
      const signature = (await batching.decide()).get('s')!;
      assert.equal(signature.padding, undefined);
      assert.equal(signature.batchAxis.kind, 'dynamic');
      assert.match(states[0]![2], reason);
      assert.deepEqual(batching.paddings.get('s'), { isOn: false, most: 0, reason: states[0]![2] });
    }
  });

  it('is not looked at where nobody asks for it, without a batch axis, and where rows have one shape', async () => {
    for (const changes of [
      { paddings: undefined },
      { signatures: new Map([['s', { ...LENGTH_SIGNATURE, batchAxis: { kind: 'none' } as const }]]) },
    ]) {
      const { batching, states } = setUpPadded(changes);
      assert.equal((await batching.decide()).get('s')!.padding, undefined);
      assert.deepEqual([states.length, batching.paddings.size], [0, 0]);
    }
    const { batching } = setUp(0.1, double, { paddings: new Map() });
    assert.equal((await batching.decide()).get('s')!.padding, undefined);
    assert.equal(batching.paddings.size, 0);
  });

  it('is known at the next start, while the same values pad', async () => {
    const outcomes = new Map<string, PaddingProof>();
    const kept: KeptOutcomes = {
      of: () => ({ kind: 'rows', reason: 'as found before' }),
      keep: async () => undefined,
      paddingOf: (name, padding) => outcomes.get(`${name} ${padding}`),
      keepPadding: async (name, padding, proof) => {
        outcomes.set(`${name} ${padding}`, proof);
      },
    };
    const first = setUpPadded({ kept });
    const padded = (await first.batching.decide()).get('s')!;
    first.batching.serve(IDLE, async () => undefined);
    await first.until(() => first.states.length === 2);
    assert.ok(first.runs.count > 0);
    const second = setUpPadded({ kept });
    assert.deepEqual((await second.batching.decide()).get('s'), padded);
    assert.deepEqual([second.runs.count, second.states], [0, first.states.slice(-1)]);
    const values = new Map([['ids', numericTensor('int64', [], BigInt64Array.of(1n))]]);
    const other = setUpPadded({ kept, paddings: new Map([['s', { values, longest: LONGEST_PROVED }]]) });
    assert.equal((await other.batching.decide()).get('s')!.padding?.inputs.get('ids')?.value.data[0], 1);
    assert.ok(other.runs.count > 0);
    assert.equal(outcomes.size, 2);
  });

  it('is tried again at the next start where nothing was found out', async () => {
    let isKept = false;
    const kept: KeptOutcomes = {
      ...NOTHING_KEPT,
      of: () => ({ kind: 'rows', reason: 'as found before' }),
      keepPadding: async () => {
        isKept = true;
      },
    };
    const { batching, states } = setUpPadded({ kept, refuses: true });
    await batching.decide();
    assert.match(states[0]![2], /runs do not prove that it is safe/);
    assert.equal(isKept, false);
  });

  it('is refused where another server runs the model', async () => {
    const { batching } = setUpPadded({ executor: ELSEWHERE, signatures: new Map([['s', TOLD_ELSEWHERE]]) });
    assert.equal((await batching.decide()).get('s')!.padding, undefined);
    assert.match(batching.paddings.get('s')!.reason, /another server runs it/);
  });

  it('comes later for a slow model: first its rows share runs, then those of different lengths', async () => {
    const { batching, states, until } = setUpPadded({ runMs: 40 });
    assert.equal((await batching.decide()).get('s')!.batchAxis.kind, 'none');
    assert.equal(batching.paddings.size, 0);
    const found: Signature[] = [];
    batching.serve(IDLE, async (accepted) => {
      found.push(accepted.get('s')!);
    });
    await until(() => found.length === 1);
    assert.deepEqual([found[0]!.batchAxis.kind, found[0]!.padding?.most], ['dynamic', 0]);
    await until(() => states.length === 2);
    assert.deepEqual([found[0]!.padding?.most, found.length], [LONGEST_PROVED, 1]);
  });

  it('goes on while it is served where the batch axis is known already', async () => {
    const kept: KeptOutcomes = { ...NOTHING_KEPT, of: () => ({ kind: 'rows', reason: 'as found before' }) };
    const { batching, states, until } = setUpPadded({ runMs: 400, kept });
    const served = (await batching.decide()).get('s')!;
    assert.deepEqual([served.batchAxis.kind, served.padding?.most], ['dynamic', 0]);
    assert.deepEqual(batching.paddings.get('s'), { isOn: false, most: 0, reason: 'the proof still runs' });
    batching.serve(IDLE, async () => undefined);
    await until(() => states.length === 1);
    assert.match(batching.paddings.get('s')!.reason, /^up to length 16, by \d+ runs .* so far$/);
    assert.equal(served.padding?.most, 16);
    await until(() => states.length === 2);
    assert.deepEqual([served.padding?.most, batching.paddings.get('s')!.isOn], [LONGEST_PROVED, true]);
  });

  it('goes beyond 513 when longer rows come', async () => {
    const { batching, states, until, runs } = setUpPadded({ paddings: new Map() });
    const served = (await batching.decide()).get('s')!;
    batching.serve(IDLE, async () => undefined);
    await until(() => states.length === 2);
    assert.equal(served.padding!.most, 513);
    assert.match(states[1]![2], /longer rows have not come$/);
    const before = runs.count;
    served.padding!.onLonger!(800);
    assert.equal(served.padding!.onLonger, undefined);
    await until(() => states.length === 3);
    assert.equal(served.padding!.most, 1025);
    assert.ok(runs.count - before < 60, `${runs.count - before} runs`);
    assert.notEqual(served.padding!.onLonger, undefined);
  });

  it('is off, also for those who have its signature, when an answer changes', async () => {
    const { batching, states, until } = setUpPadded({ runMs: 20, changesBeyond: 20 });
    const served = (await batching.decide()).get('s')!;
    batching.serve(IDLE, async () => undefined);
    await until(() => states.at(-1)?.[1] === false);
    assert.equal(served.padding?.most ?? 0, 0);
    assert.match(
      batching.paddings.get('s')!.reason,
      /changes when it is padded to length 24|changes when it is padded to/,
    );
  });

  it('is off from the time when an answer has changed, and at the next start', async () => {
    const refused: PaddingProof[] = [];
    const kept: KeptOutcomes = {
      ...NOTHING_KEPT,
      of: () => ({ kind: 'rows', reason: 'as found before' }),
      paddingOf: () => refused[0],
      keepPadding: async (_, text, proof) => {
        if (proof.kind === 'rejected') refused.push(proof);
        texts.add(text);
      },
    };
    const texts = new Set<string>();
    const { batching, states } = setUpPadded({ kept });
    const served = (await batching.decide()).get('s')!;
    batching.refusePadding('s', served, 'it was 12 % off');
    assert.equal(served.padding!.most, 0);
    assert.deepEqual(states.at(-1), ['s', false, 'it was 12 % off']);
    assert.equal(texts.size, 1);
    const second = setUpPadded({ kept });
    assert.equal((await second.batching.decide()).get('s')!.padding, undefined);
    assert.deepEqual([second.runs.count, second.states.at(-1)], [0, ['s', false, 'it was 12 % off']]);
  });

  it('goes on at the next start from what was proved', async () => {
    const kept: KeptOutcomes = {
      ...NOTHING_KEPT,
      of: () => ({ kind: 'rows', reason: 'as found before' }),
      paddingOf: () => ({ kind: 'accepted', reason: '', runs: 40, most: 24, isWhole: false }),
    };
    const { batching, states } = setUpPadded({ kept });
    const served = (await batching.decide()).get('s')!;
    assert.match(states[0]![2], /^up to length 24, by 40 runs/);
    assert.equal(served.padding!.most, 24);
  });

  it('needs a graph that tells at which lengths its arithmetic may change, or the owner’s word', async () => {
    const readLengths = async () => ({ kind: 'unread', reason: 'node "a" (If): it has graphs' }) as const;
    const { batching, states, runs } = setUpPadded({ readLengths });
    assert.equal((await batching.decide()).get('s')!.padding, undefined);
    assert.match(states[0]![2], /^nothing shows at which lengths its arithmetic may change: node "a" \(If\)/);
    const before = runs.count;
    const assured = setUpPadded({
      readLengths,
      paddings: new Map([['s', { values: new Map(), longest: LONGEST_PROVED, isAssured: true }]]),
    });
    assert.equal((await assured.batching.decide()).get('s')!.padding!.most, 16);
    assert.ok(assured.runs.count > before);
  });
});
