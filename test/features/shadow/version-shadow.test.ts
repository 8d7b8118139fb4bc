import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Host, HostOptions } from '../../../src/backends/host/start-host.ts';
import { ServingError } from '../../../src/core/errors.ts';
import type { Signatures } from '../../../src/core/signature.ts';
import {
  type ShadowEvent,
  VersionShadow,
  type VersionShadowOptions,
} from '../../../src/features/shadow/version-shadow.ts';
import { FEATURES } from '../../../src/pillion.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { hasFeature } from '../../support/has-feature.ts';
import { PuppetExecutor } from '../../support/puppet-executor.ts';
import { signature, spec } from '../../support/puppet-models.ts';

const TOGETHER = 'examples/digits/models/digits_runtimes/1';
const float = spec('float32', [-1]);
const MODEL = new Map([['s', signature({ x: float }, { y: float, z: float })]]);
/** Told to the shadow's host when it is started. */
interface Start {
  readonly runtime: string;
  readonly onWorkerEvent: NonNullable<HostOptions['onWorkerEvent']>;
}

function harness(changes: Partial<VersionShadowOptions> = {}, signatures: Signatures = MODEL) {
  const events: ShadowEvent[] = [];
  const starts: Start[] = [];
  const [model, second] = [new PuppetExecutor(), new PuppetExecutor()];
  const closed: string[] = [];
  const clock = new FakeClock();
  let load: (host: Host) => void = () => undefined;
  const shadow = new VersionShadow({
    config: { runtime: 'auto', sample: 1 },
    versionDirectory: TOGETHER,
    runtime: 'onnx',
    executor: model,
    signatures: MODEL,
    backends: FEATURES.backends,
    startHost: (runtime, onWorkerEvent) => {
      starts.push({ runtime, onWorkerEvent });
      return new Promise((resolve) => {
        load = resolve;
      });
    },
    clock,
    seriesOf: () => ({ addComparison: () => undefined, addLeftOut: () => undefined }),
    onEvent: (event) => events.push(event),
    ...changes,
  });
  const host: Host = {
    ...{ kind: 'thread', reason: 'as configured', measured: undefined, warnings: [], signatures },
    executor: second,
    residentBytes: () => 5,
    close: async () => void closed.push('host'),
  };
  const loaded = async (): Promise<void> => {
    while (starts.length === 0) await setImmediate();
    load(host);
    for (let i = 0; i < 4; i++) await setImmediate();
  };
  return { clock, shadow, model, second, events, starts, closed, loaded };
}

/** Until it has said what became of it. */
async function told(events: readonly ShadowEvent[]): Promise<ShadowEvent> {
  while (events.length === 0) await setImmediate();
  return events[0]!;
}

const batch = (outputs: readonly string[]) => {
  return { signatureName: 's', inputs: new Map(), outputs, size: 1, deadline: Infinity };
};

describe('the shadow of a version', { skip: !hasFeature('tfjs') }, () => {
  it('auto is the first other artifact; tfjs is the one that tfjs would open', async () => {
    const runtimeOf = async (runtime: string, own: string): Promise<string | undefined> => {
      const { shadow, loaded, starts } = harness({ config: { runtime, sample: 1 }, runtime: own });
      shadow.start();
      await loaded();
      return starts[0]!.runtime;
    };
    assert.equal(await runtimeOf('auto', 'onnx'), 'saved_model');
    assert.equal(await runtimeOf('auto', 'tfjs'), 'onnx');
    assert.equal(await runtimeOf('tfjs', 'onnx'), 'saved_model');
    assert.equal(await runtimeOf('tfjs_model', 'tfjs'), 'tfjs_model');
  });

  it('is not the runtime of the version itself, whatever it is called', async () => {
    for (const runtime of ['saved_model', 'tfjs']) {
      const { shadow, events } = harness({ config: { runtime, sample: 1 }, runtime: 'saved_model' });
      shadow.start();
      const event = await told(events);
      assert.equal(event.what, 'off');
      assert.match((event as { reason: string }).reason, /the version itself runs on saved_model; name another/);
      assert.equal(shadow.status.state, 'off');
    }
  });

  it('runs once it has loaded, compares what both have, and counts its own restarts', async () => {
    const { shadow, model, second, starts, loaded } = harness(
      {},
      new Map([['s', signature({ x: float }, { z: float })]]),
    );
    shadow.start();
    assert.equal(shadow.status.state, 'loading');
    const before = shadow.executor.run(batch(['z']));
    model.runs[0]!.complete({ outputs: new Map() });
    await before;
    await loaded();
    assert.equal(second.runs.length, 0, 'what ran while it loaded is not its');
    const { state, runtime, reason, residentBytes } = shadow.status;
    assert.deepEqual([state, runtime, reason, residentBytes], ['running', 'saved_model', 'thread: as configured', 5]);
    const running = shadow.executor.run(batch(['y', 'z']));
    model.runs[1]!.complete({ outputs: new Map() });
    await running;
    for (let i = 0; i < 3; i++) await setImmediate();
    assert.deepEqual(second.runs[0]!.batch.outputs, ['z']);
    starts[0]!.onWorkerEvent!({ what: 'lost', slot: 0, reason: 'x' });
    starts[0]!.onWorkerEvent!({ what: 'restarted', slot: 0, reason: '' });
    assert.equal(shadow.status.restarts, 1);
  });

  it('is off, and its host closed, where no signature has the same inputs', async () => {
    const other = new Map([['s', signature({ x: spec('float64', [-1]) }, { y: float })]]);
    const { shadow, loaded, events, closed } = harness({}, other);
    shadow.start();
    await loaded();
    const [event] = events;
    assert.match((event as { reason: string }).reason, /does not take what the model takes: signature "s": input "x"/);
    assert.deepEqual([closed, shadow.executor.shadow], [['host'], undefined]);
  });

  it('is off where its host does not start, and where that throws something else', async () => {
    for (const error of [new ServingError('load_failed', 'no natives'), new Error('a bug')]) {
      const { shadow, events } = harness({ startHost: () => Promise.reject(error) });
      shadow.start();
      assert.match(((await told(events)) as { reason: string }).reason, /no natives|internal error/);
      await shadow.close();
    }
  });

  it('closes with its version, while it loads too', async () => {
    const early = harness();
    early.shadow.start();
    const closing = early.shadow.close();
    await early.loaded();
    await closing;
    assert.deepEqual([early.closed, early.events, early.shadow.executor.shadow], [['host'], [], undefined]);
    const late = harness();
    late.shadow.start();
    await late.loaded();
    await Promise.all([late.shadow.close(), late.shadow.close()]);
    assert.deepEqual([late.closed, late.shadow.executor.shadow], [['host'], undefined]);
    const slow = harness();
    slow.shadow.start();
    const patient = slow.shadow.close();
    slow.clock.advance(5000);
    await patient;
    assert.deepEqual(slow.closed, []);
    await slow.loaded();
    assert.deepEqual([slow.closed, slow.events], [['host'], []]);
    const never = harness();
    await never.shadow.close();
    assert.deepEqual(never.starts, []);
  });
});
