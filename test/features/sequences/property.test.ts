/**
 * The sequences of a model under random starts, steps, ends, failures, cancels, swaps of versions and pauses, beside a
 * reference that knows what each sequence must have got so far.
 *
 * The model counts: its next state is 3 · state + x, so a state tells every step that made it, in order.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CancelSignal, clientLeft } from '../../../src/core/cancel.ts';
import { ServingError } from '../../../src/core/errors.ts';
import type { Signature } from '../../../src/core/signature.ts';
import { elements, type NumericTensor, numericTensor, type TensorMap } from '../../../src/core/tensor.ts';
import { SequenceRunner } from '../../../src/features/sequences/sequence-runner.ts';
import { SequenceTable } from '../../../src/features/sequences/sequence-table.ts';
import type { States } from '../../../src/features/sequences/state.ts';
import { Servable, type ServableRequest, type ServableRunner } from '../../../src/models/serving/servable.ts';
import type { OwnedStep } from '../../../src/models/serving/steps.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { signature, spec } from '../../support/puppet-models.ts';

const IDLE_MS = 1000;
const EVICTABLE_MS = 100;
const LIMITS = { most: 4, mostPerCaller: 3, mostBytes: 16, mostBytesPerCaller: 12, idleMs: IDLE_MS };

const SIGNATURE: Signature = signature(
  { x: spec('float32', [-1]), state: spec('float32', [-1]) },
  { y: spec('float32', [-1]), stateN: spec('float32', [-1]) },
);
const STATES: States = new Map([
  ['serving_default', { tensors: new Map([['state', { output: 'stateN', zeros: [-1] }]]) }],
]);

/** One life of a sequence, as the reference sees it. */
interface Life {
  readonly version: bigint;
  chain: number;
  hasEnded: boolean;
  running: number;
  open: number;
  idleSince: number;
}

interface Attempt {
  readonly life: Life | undefined;
  readonly step: OwnedStep;
  readonly cancel: CancelSignal;
  outcome: TensorMap | ServingError | undefined;
}

/** A run that the runtime has now. */
interface Run {
  readonly state: number;
  readonly x: number;
  readonly resolve: (outputs: TensorMap) => void;
  readonly reject: (error: ServingError) => void;
  readonly version: bigint;
}

const vector = (value: number): NumericTensor => numericTensor('float32', [1], Float32Array.of(value));
const numberOf = (tensors: TensorMap, name: string): number => Number(elements(tensors.get(name) as NumericTensor)[0]);

class World {
  readonly clock = new FakeClock();
  readonly table = new SequenceTable({ model: 'm', clock: this.clock, limits: () => LIMITS });
  readonly lives = new Map<string, Life>();
  readonly attempts: Attempt[] = [];
  readonly runs: Run[] = [];
  readonly servables: Servable[] = [];
  #x = 1;

  constructor() {
    this.swap();
  }

  get servable(): Servable {
    return this.servables.at(-1)!;
  }

  /** A new version is served from now on. */
  swap(): void {
    const version = BigInt(this.servables.length + 1);
    const inner: ServableRunner = {
      submit: (request) => this.#onRun(request, version),
      close: () => Promise.resolve(),
      queuedRows: 0,
      queuedTasks: 0,
      runningBatches: 0,
    };
    const runner = new SequenceRunner(inner, new Map([['serving_default', SIGNATURE]]), STATES);
    this.servables.push(new Servable('m', version, new Map([['serving_default', SIGNATURE]]), runner));
  }

  /** The latest version is unloaded at once, and another one served. */
  drop(): void {
    const { version } = this.servable;
    this.table.drop(this.servable);
    for (const [key, life] of this.lives) if (life.version === version) this.#end(key, life);
    this.swap();
  }

  submit(owner: string, id: string, start: boolean, end: boolean): void {
    const key = `${owner}/${id}`;
    const step: OwnedStep = { owner, step: { id, start, end } };
    const cancel = new CancelSignal();
    const before = this.lives.get(key);
    const x = this.#x++ % 7;
    try {
      const handle = this.table.acquire(step, {}, () => this.servable.borrow());
      try {
        if (start) this.#begin(key, before);
        const life = this.lives.get(key)!;
        assert.equal(handle.servable.version, life.version, 'a sequence stays on its version');
        const attempt: Attempt = { life, step, cancel, outcome: undefined };
        const sequence = this.table.stepOf(step, handle.servable);
        const context = { cancel } as unknown as ServableRequest['context'];
        const inputs = new Map([['x', vector(x)]]);
        const request = { signatureName: 'serving_default', inputs, outputs: ['y'], context, sequence };
        const answer = handle.servable.runner.submit(request);
        this.attempts.push(attempt);
        life.open += 1;
        this.#follow(key, attempt, answer, x);
      } finally {
        handle.release();
      }
    } catch (error) {
      assert.ok(error instanceof ServingError);
      this.#onRefused(key, before, start, error);
    }
  }

  /** The oldest runs end, or fail. */
  settle(isFailure: boolean): void {
    const run = this.runs.shift();
    if (run === undefined) return;
    if (isFailure) run.reject(new ServingError('backend_failed', 'it broke'));
    else
      run.resolve(
        new Map([
          ['y', vector(run.state)],
          ['stateN', vector((3 * run.state + run.x) % 1009)],
        ]),
      );
  }

  cancel(which: number): void {
    const open = this.attempts.filter(({ outcome }) => outcome === undefined);
    open[which % Math.max(1, open.length)]?.cancel.cancel(clientLeft('queue'));
  }

  check(): void {
    assert.ok(this.table.open <= LIMITS.most);
    assert.ok(this.table.bytes >= 0 && this.table.bytes <= LIMITS.mostBytes);
    for (const life of this.lives.values()) assert.ok(life.running <= 1, 'steps of a sequence have turns');
  }

  #onRun({ inputs, context }: ServableRequest, version: bigint): Promise<TensorMap> {
    const run = { state: numberOf(inputs, 'state'), x: numberOf(inputs, 'x'), version };
    return new Promise((resolve, reject) => {
      this.runs.push({ ...run, resolve, reject });
      context.cancel.listener = { onCancel: reject };
    });
  }

  #begin(key: string, before: Life | undefined): void {
    if (before !== undefined) before.hasEnded = true;
    const life = { version: this.servable.version, chain: 0, hasEnded: false, running: 0, open: 0 };
    this.lives.set(key, { ...life, idleSince: this.clock.nowMs() });
  }

  #end(key: string, life: Life): void {
    life.hasEnded = true;
    if (this.lives.get(key) === life) this.lives.delete(key);
  }

  #onRefused(key: string, before: Life | undefined, start: boolean, error: ServingError): void {
    if (start) {
      assert.equal(error.kind, 'overloaded');
      this.lives.delete(key);
      if (before !== undefined) this.lives.set(key, before);
      return;
    }
    assert.equal(error.kind, 'sequence_lost');
    if (before === undefined) return;
    // It has expired, or made room for another: only without a step for a while.
    assert.equal(before.open, 0);
    assert.ok(this.clock.nowMs() - before.idleSince >= EVICTABLE_MS);
    this.#end(key, before);
  }

  #follow(key: string, attempt: Attempt, answer: Promise<TensorMap>, x: number): void {
    const { life, step } = attempt;
    answer.then(
      (outputs) => {
        attempt.outcome = outputs;
        assert.equal(numberOf(outputs, 'y'), step.step.start ? 0 : life!.chain, 'it got the state of the steps before');
        assert.deepEqual([...outputs.keys()], ['y']);
        life!.chain = (3 * (step.step.start ? 0 : life!.chain) + x) % 1009;
        this.#onSettled(life!);
        if (step.step.end) this.#end(key, life!);
      },
      (error: unknown) => {
        assert.ok(error instanceof ServingError);
        attempt.outcome = error;
        this.#onSettled(life!);
        if (step.step.start) this.#end(key, life!);
      },
    );
  }

  #onSettled(life: Life): void {
    life.open -= 1;
    life.idleSince = this.clock.nowMs();
  }
}

type Command = (world: World) => void | Promise<void>;

const OWNER = fc.constantFrom('ann', 'bob');
const ID = fc.constantFrom('1', '2', '3', '4');
const COMMAND: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(OWNER, ID).map(
      ([o, id]) =>
        (world: World) =>
          world.submit(o, id, true, false),
    ),
  },
  {
    weight: 8,
    arbitrary: fc.tuple(OWNER, ID).map(
      ([o, id]) =>
        (world: World) =>
          world.submit(o, id, false, false),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(OWNER, ID).map(
      ([o, id]) =>
        (world: World) =>
          world.submit(o, id, false, true),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(OWNER, ID).map(
      ([o, id]) =>
        (world: World) =>
          world.submit(o, id, true, true),
    ),
  },
  { weight: 9, arbitrary: fc.constant((world: World) => world.settle(false)) },
  { weight: 2, arbitrary: fc.constant((world: World) => world.settle(true)) },
  { weight: 2, arbitrary: fc.nat(20).map((which) => (world: World) => world.cancel(which)) },
  { weight: 2, arbitrary: fc.nat(300).map((ms) => (world: World) => world.clock.advance(ms)) },
  { weight: 1, arbitrary: fc.constant((world: World) => world.swap()) },
  { weight: 1, arbitrary: fc.constant((world: World) => world.drop()) },
);

/** All microtasks of what has settled. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('each step gets the state of the steps before it, and nothing is left at the end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(COMMAND, { maxLength: 60 }), async (commands) => {
      const world = new World();
      for (const command of commands) {
        await command(world);
        await turn();
        world.check();
      }
      for (let i = 0; i < 200 && world.attempts.some(({ outcome }) => outcome === undefined); i++) {
        world.settle(false);
        await turn();
      }
      assert.ok(
        world.attempts.every(({ outcome }) => outcome !== undefined),
        'every step settles',
      );
      world.clock.advance(IDLE_MS + 1);
      assert.deepEqual([world.table.open, world.table.bytes], [0, 0]);
      // No version is held any more.
      for (const servable of world.servables) await servable.unload();
    }),
    { numRuns: 300 },
  );
});
