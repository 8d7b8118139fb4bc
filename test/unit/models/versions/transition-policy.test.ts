import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { VersionState } from '../../../../src/models/serving/servable.ts';
import { VERSION_STATES } from '../../../../src/models/serving/servable.ts';
import {
  type ActiveVersion,
  nextAction,
  TRANSITION_POLICIES,
  type TransitionPolicy,
} from '../../../../src/models/versions/transition-policy.ts';

const NONE: ReadonlySet<bigint> = new Set();

function active(version: bigint, state: VersionState, isCurrent = true): ActiveVersion {
  return { version, state, isCurrent };
}

function next(records: readonly ActiveVersion[], aspired: readonly bigint[], policy: TransitionPolicy): string {
  const action = nextAction(records, { aspired, failedLoads: NONE }, policy);
  if (action === undefined) return 'nothing';
  return action.kind === 'load' ? `load ${action.version}` : `unload ${action.record.version}`;
}

describe('nextAction', () => {
  it('loads the highest new version first', () => {
    assert.equal(next([], [1n, 3n, 2n], 'availability'), 'load 3');
    assert.equal(next([active(3n, 'LOADING')], [1n, 3n, 2n], 'availability'), 'load 2');
  });

  it('keeps the old version until a wanted one is available', () => {
    assert.equal(next([active(1n, 'AVAILABLE')], [2n], 'availability'), 'load 2');
    assert.equal(next([active(1n, 'AVAILABLE'), active(2n, 'LOADING')], [2n], 'availability'), 'nothing');
    assert.equal(next([active(1n, 'AVAILABLE'), active(2n, 'AVAILABLE')], [2n], 'availability'), 'unload 1');
  });

  it('unloads the lowest first, and all when nothing is wanted', () => {
    assert.equal(next([active(2n, 'AVAILABLE'), active(1n, 'AVAILABLE')], [], 'availability'), 'unload 1');
    assert.equal(next([active(2n, 'AVAILABLE'), active(1n, 'UNLOADING')], [], 'availability'), 'unload 2');
  });

  it('unloads nothing on account of a version that takes nobody’s place', () => {
    const up = [active(1n, 'AVAILABLE'), active(2n, 'AVAILABLE')];
    const wanted = { aspired: [3n, 1n], extra: [1n], failedLoads: NONE };
    assert.deepEqual(nextAction(up, wanted, 'availability'), { kind: 'load', version: 3n });
    assert.equal(nextAction([...up, active(3n, 'LOADING')], wanted, 'availability'), undefined);
    const done = nextAction([...up, active(3n, 'AVAILABLE')], wanted, 'availability');
    assert.deepEqual(done, { kind: 'unload', record: up[1] });
    const alone = nextAction(up, { aspired: [1n], extra: [1n], failedLoads: NONE }, 'availability');
    assert.deepEqual(alone, { kind: 'unload', record: up[1] }, 'nothing is wanted in its place');
  });

  it('gives up a load that nobody wants any more at once', () => {
    assert.equal(next([active(1n, 'AVAILABLE'), active(2n, 'LOADING')], [3n], 'availability'), 'unload 2');
  });

  it('with resource preserving unloads first and loads when that is gone', () => {
    assert.equal(next([active(1n, 'AVAILABLE')], [2n], 'resource'), 'unload 1');
    assert.equal(next([active(1n, 'UNLOADING')], [2n], 'resource'), 'nothing');
    assert.equal(next([], [2n], 'resource'), 'load 2');
    assert.equal(next([active(2n, 'UNLOADING')], [2n], 'resource'), 'nothing');
  });

  it('loads anew what was loaded for another configuration, beside it', () => {
    assert.equal(next([active(1n, 'AVAILABLE', false)], [1n], 'availability'), 'load 1');
    assert.equal(next([active(1n, 'AVAILABLE', false), active(1n, 'AVAILABLE')], [1n], 'availability'), 'unload 1');
  });

  it('keeps a version that is to be reloaded until its own new copy is available, whatever else is', () => {
    const [outdated, older] = [active(2n, 'AVAILABLE', false), active(1n, 'AVAILABLE')];
    assert.equal(next([outdated, older], [2n, 1n], 'availability'), 'load 2');
    assert.equal(next([outdated, older, active(2n, 'LOADING')], [2n, 1n], 'availability'), 'nothing');
    const up = [outdated, older, active(2n, 'AVAILABLE')];
    const wanted = { aspired: [2n, 1n], failedLoads: NONE };
    assert.deepEqual(nextAction(up, wanted, 'availability'), { kind: 'unload', record: outdated });
    const failed = { aspired: [2n, 1n], failedLoads: new Set([2n]) };
    assert.equal(nextAction([outdated, older], failed, 'availability'), undefined);
    const extra = { aspired: [2n, 1n], extra: [1n], failedLoads: NONE };
    const ofOperator = [active(2n, 'AVAILABLE'), active(1n, 'AVAILABLE', false)];
    assert.deepEqual(nextAction(ofOperator, extra, 'availability'), { kind: 'load', version: 1n });
    assert.equal(next([outdated, older], [2n, 1n], 'resource'), 'unload 2');
  });

  it('does not try again what was given up, and keeps the old version then', () => {
    const failedLoads = new Set([2n]);
    assert.equal(nextAction([active(1n, 'AVAILABLE')], { aspired: [2n], failedLoads }, 'availability'), undefined);
  });
});

interface Life {
  version: bigint;
  state: VersionState;
  isCurrent: boolean;
}

/** Does what is decided, with loads and unloads that end when the random events say so. */
class World {
  readonly policy: TransitionPolicy;
  lives: Life[] = [];
  aspired: readonly bigint[] = [];

  constructor(policy: TransitionPolicy) {
    this.policy = policy;
  }

  aspire(aspired: readonly bigint[], isAnew: boolean): void {
    this.aspired = aspired;
    if (isAnew) for (const life of this.lives) life.isCurrent = false;
    this.settle();
  }

  settle(): void {
    for (let steps = 0; ; steps++) {
      assert.ok(steps < 100, 'it never comes to rest');
      const wasUp = this.isUp();
      const up = this.aspired.filter((version) => this.isUp(version));
      const action = nextAction(this.lives, { aspired: this.aspired, failedLoads: NONE }, this.policy);
      if (action === undefined) return;
      if (action.kind === 'load') this.lives.push({ version: action.version, state: 'LOADING', isCurrent: true });
      else this.move(action.record, action.record.state === 'START' ? 'END' : 'UNLOADING');
      if (this.policy === 'availability' && wasUp && this.aspired.length > 0) {
        assert.ok(this.isUp(), `${action.kind} took away the last version that answers`);
      }
      if (this.policy === 'resource') continue;
      for (const version of up) assert.ok(this.isUp(version), `${action.kind} took away version ${version}`);
    }
  }

  /** One of what is under way ends. */
  finish(index: number): void {
    const moving = this.lives.filter(({ state }) => state === 'LOADING' || state === 'UNLOADING');
    const life = moving[index % Math.max(1, moving.length)];
    if (life === undefined) return;
    this.move(life, life.state === 'LOADING' ? 'AVAILABLE' : 'END');
    this.lives = this.lives.filter(({ state }) => state !== 'END');
    this.settle();
  }

  finishAll(): void {
    for (let i = 0; i < 100; i++) this.finish(0);
  }

  isUp(version?: bigint): boolean {
    return this.lives.some((life) => life.state === 'AVAILABLE' && life.version === (version ?? life.version));
  }

  move(life: Life, state: VersionState): void {
    assert.ok(VERSION_STATES[state] > VERSION_STATES[life.state], `${life.state} went back to ${state}`);
    life.state = state;
  }
}

const versions = fc.uniqueArray(fc.bigInt({ min: 1n, max: 5n }), { maxLength: 4 });
const event = fc.oneof(
  fc.record({ aspired: versions, isAnew: fc.boolean() }),
  fc.record({ finish: fc.nat({ max: 7 }) }),
);

for (const policy of TRANSITION_POLICIES) {
  it(`under ${policy} any order of events ends in what is aspired, and availability is kept where promised`, () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), versions, (events, last) => {
        const world = new World(policy);
        for (const e of events) {
          if ('finish' in e) world.finish(e.finish);
          else world.aspire(e.aspired, e.isAnew);
        }
        world.aspire(last, false);
        world.finishAll();
        const up = world.lives.map(({ version, state, isCurrent }) => `${version} ${state} ${isCurrent}`).sort();
        assert.deepEqual(up, last.map((version) => `${version} AVAILABLE true`).sort());
      }),
    );
  });
}
