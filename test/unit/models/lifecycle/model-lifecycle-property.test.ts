/** Whatever an operator does and however loads end: who could be answered goes on being answered, and nothing leaks. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import type { ModelConfig } from '../../../../src/config/model-config.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import { VERSION_STATES } from '../../../../src/models/serving/servable.ts';
import { BROKEN, LifeHarness, modelConfig, PASSING } from '../../../support/model-lifecycle-harness.ts';
import { turn } from '../../../support/turns.ts';

const POLL_MS = 1000;
const RETRY_MS = 60_000;
const BASE = '/m';

const version = fc.bigInt({ min: 1n, max: 4n });
const command = fc.oneof(
  fc.record({ put: version, isFresh: fc.boolean(), text: fc.constantFrom('a', 'b') }),
  fc.record({ remove: version }),
  fc.record({ load: fc.nat({ max: 1 }), ends: fc.constantFrom('well', 'broken', 'for now') }),
  fc.record({ pass: fc.constantFrom(250, POLL_MS, RETRY_MS) }),
  fc.constant({ pass: POLL_MS }),
  fc.record({ latest: fc.integer({ min: 1, max: 2 }), host: fc.constantFrom('inline', 'thread') }),
  fc.record({ hold: fc.boolean() }),
);
/** An operator's word. It may be about a version that is not there, and is refused then. */
const word = fc.record({ wish: fc.constantFrom('load', 'unload', 'reload'), of: version });
type Of<A> = A extends fc.Arbitrary<infer T> ? T : never;
type Command = Of<typeof command> | Of<typeof word>;

class Operator {
  readonly harness = new LifeHarness([modelConfig('m')], { maxLoadRetries: 1 });
  readonly onDisk = new Set<bigint>();
  config: ModelConfig = modelConfig('m');
  #held: { release(): void } | undefined;

  async do(command: Command): Promise<void> {
    const { harness } = this;
    const { files, loads, clock } = harness;
    if ('put' in command) {
      const changedAtMs = command.isFresh ? clock.wallMs() : 0;
      files.put(BASE, command.put, { text: command.text, changedAtMs });
      this.onDisk.add(command.put);
    } else if ('remove' in command) {
      files.remove(BASE, command.remove);
      this.onDisk.delete(command.remove);
    } else if ('load' in command) {
      const key = loads.pending[command.load];
      if (key === undefined) return;
      if (command.ends === 'well') await loads.finish(key);
      else await loads.fail(key, command.ends === 'broken' ? BROKEN : PASSING);
    } else if ('pass' in command) await harness.pass(command.pass);
    else if ('hold' in command) this.hold(command.hold);
    else if ('wish' in command) {
      const wish = command.wish as 'load' | 'unload' | 'reload';
      await harness.manager.operate('m', command.of, wish).catch(onlyServingErrors);
    } else {
      const host = command.host as 'inline' | 'thread';
      this.config = modelConfig('m', { versionPolicy: { kind: 'latest', count: command.latest }, host });
      await harness.manager.reload([this.config]);
    }
    await turn();
  }

  /** Highest first. */
  get versions(): readonly bigint[] {
    return [...this.onDisk].sort((a, b) => Number(b - a));
  }

  get openVersions(): readonly bigint[] {
    return [...this.harness.loads.open].map((servable) => servable.version).sort((a, b) => Number(b - a));
  }

  /** What the policy asks for of what is on disk. */
  get aspired(): readonly bigint[] {
    const { versionPolicy } = this.config;
    return this.versions.slice(0, versionPolicy.kind === 'latest' ? versionPolicy.count : 0);
  }

  /** A request that takes long. */
  hold(isWanted: boolean): void {
    this.#held?.release();
    this.#held = isWanted && this.isUp() ? this.harness.manager.acquire('m', {}) : undefined;
  }

  isUp(): boolean {
    return this.answering !== undefined;
  }

  /** The version that a request gets which names none. */
  get answering(): bigint | undefined {
    try {
      const handle = this.harness.manager.acquire('m', {});
      handle.release();
      return handle.servable.version;
    } catch {
      return undefined;
    }
  }

  /** From now on everything loads, nothing changes, and no request is left. */
  async comeToRest(): Promise<void> {
    const { harness } = this;
    this.hold(false);
    harness.loads.isHolding = false;
    for (const version of this.onDisk) harness.files.put(BASE, version, { text: 'whole', changedAtMs: 0 });
    for (let i = 0; i < 12; i++) {
      for (const key of harness.loads.pending) await harness.loads.finish(key);
      await harness.pass(POLL_MS);
    }
    await harness.pass(RETRY_MS);
    await harness.manager.reload([this.config]);
    await turn();
  }
}

it('availability is kept, the aspired versions come up in the end, and all else is closed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40, size: 'max' }), async (commands) => {
      const operator = new Operator();
      const { harness, onDisk } = operator;
      await operator.do({ put: 1n, isFresh: false, text: 'a' });
      await harness.start();
      assert.equal(operator.isUp(), true);
      harness.loads.isHolding = true;
      for (const each of commands) {
        const wasUp = operator.isUp();
        await operator.do(each);
        assert.ok(!wasUp || onDisk.size === 0 || operator.isUp(), `nothing answers after ${String(Object.keys(each))}`);
      }
      await operator.comeToRest();
      assert.deepEqual(operator.openVersions, operator.aspired);
      if (onDisk.size > 0) assert.equal(operator.isUp(), true);
      await assertEnds(operator);
    }),
    { numRuns: 150 },
  );
});

it('whatever an operator says, what he wants and what the policy wants comes up in the end, and nothing else', async () => {
  const commands = fc.array(fc.oneof(command, word), { minLength: 5, maxLength: 40, size: 'max' });
  await fc.assert(
    fc.asyncProperty(commands, async (chosen) => {
      const operator = new Operator();
      const { harness, onDisk } = operator;
      const { manager } = harness;
      await operator.do({ put: 1n, isFresh: false, text: 'a' });
      await harness.start();
      harness.loads.isHolding = true;
      const isSomethingOut = (): boolean =>
        [1n, 2n, 3n, 4n].some((version) => manager.isUnloadedByOperator('m', version));
      for (const each of chosen) {
        const wasUp = operator.isUp();
        await operator.do(each);
        const isItsWill = isSomethingOut() || ('wish' in each && each.wish === 'unload');
        assert.ok(!wasUp || isItsWill || onDisk.size === 0 || operator.isUp(), `nothing answers after ${show(each)}`);
      }
      await operator.comeToRest();
      const { aspired, versions } = operator;
      const wanted = versions.filter((version) =>
        aspired.includes(version)
          ? !manager.isUnloadedByOperator('m', version)
          : manager.isLoadedByOperator('m', version),
      );
      assert.deepEqual(operator.openVersions, wanted);
      const first = wanted.find((version) => aspired.includes(version)) ?? wanted[0];
      assert.equal(operator.answering, first);
      await assertEnds(operator);
    }),
    { numRuns: 150 },
  );
});

function show(command: Command): string {
  return JSON.stringify(command, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value));
}

function onlyServingErrors(error: unknown): void {
  if (!(error instanceof ServingError)) throw error;
}

/** Nothing is left open, no timer armed. */
async function assertEnds({ harness }: Operator): Promise<void> {
  await harness.manager.close();
  assert.equal(harness.loads.open.size, 0);
  assert.equal(harness.clock.armed, 0);
  assertForward(harness.told);
}

/** A version's states go forward until its END, after which another life may begin. Lives of one version may overlap. */
function assertForward(told: readonly string[]): void {
  const begun = new Map<string, number>();
  for (const line of told) {
    const [name, state] = line.split(' ') as [string, string];
    if (!(state in VERSION_STATES)) continue;
    const lives = (begun.get(name) ?? 0) + (state === 'START' ? 1 : state === 'END' ? -1 : 0);
    assert.ok(lives >= 0 && (lives > 0 || state === 'END'), `${line} without a life`);
    begun.set(name, lives);
  }
  assert.ok(
    [...begun.values()].every((lives) => lives === 0),
    'a life has no end',
  );
}
