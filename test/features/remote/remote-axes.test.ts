import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import {
  FIRST_PAUSE_MS,
  MOST_PAUSE_MS,
  RemoteAxes,
  type RemoteAxesParts,
} from '../../../src/backends/remote/remote-axes.ts';
import { type RemoteChannel, RemoteFault } from '../../../src/backends/remote/remote-channel.ts';
import type { AxisQuestion, RemoteProtocol, ReportedAxes } from '../../../src/backends/remote/remote-protocol.ts';
import { GrpcStatus } from '../../../src/core/errors.ts';
import type { Signatures } from '../../../src/core/signature.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { signatureOf } from '../../support/row-models.ts';

type Answer = ReportedAxes | number;

const reported = (kind: 'dynamic' | 'none', version = '1'): ReportedAxes => ({
  version,
  axes: new Map([['s', { kind, reason: kind === 'dynamic' ? 'proved by 9 runs' : 'a norm' }]]),
});
const FOLLOWED = new Set(['s']);

/** A server that answers with `answers`, the last one for ever; a number is a status. */
function setUp(answers: readonly Answer[], changes: Partial<RemoteAxesParts> = {}) {
  const clock = new FakeClock();
  const state = { asked: 0 };
  let current: ReportedAxes | undefined;
  const question: AxisQuestion = { path: '/s/m', write: () => new Uint8Array(0), read: () => current! };
  const call = async (): Promise<Uint8Array> => {
    const answer = answers[Math.min(state.asked, answers.length - 1)]!;
    state.asked += 1;
    if (typeof answer === 'number') throw new RemoteFault(answer, 'no', undefined);
    current = answer;
    return new Uint8Array(0);
  };
  const axes = new RemoteAxes({
    protocol: { axisQuestions: [question] } as unknown as RemoteProtocol,
    channel: { call } as unknown as RemoteChannel,
    clock,
    isBatching: undefined,
    candidates: new Map([['s', signatureOf({ kind: 'dynamic' })]]),
    ...changes,
  });
  const axis = (signatures = axes.signatures) => signatures.get('s')!.batchAxis;
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    for (let i = 0; i < 5; i++) await turn();
  };
  return { axes, axis, state, clock, advance };
}

describe('RemoteAxes', () => {
  it('knows nothing of a server that does not know the question', async () => {
    for (const status of [GrpcStatus.INVALID_ARGUMENT, GrpcStatus.UNIMPLEMENTED, GrpcStatus.PERMISSION_DENIED]) {
      const { axes, axis } = setUp([status]);
      await axes.look();
      assert.deepEqual([axis().kind, axis().reason], ['none', 'its server does not say that rows keep apart']);
      assert.match(axis().fix!, /"batching: true" in remote.yaml/);
    }
  });

  it('asks again until the server has found out, and follows it back', async () => {
    const { axes, axis, state, clock, advance } = setUp([
      reported('none'),
      reported('none'),
      reported('dynamic'),
      reported('none'),
    ]);
    await axes.look();
    assert.equal(axis().reason, 'as its server says: a norm');
    const seen: string[] = [];
    axes.watch(FOLLOWED, (signatures: Signatures) => seen.push(axis(signatures).kind));
    await advance(FIRST_PAUSE_MS);
    assert.deepEqual([state.asked, seen], [2, []]);
    await advance(2 * FIRST_PAUSE_MS);
    assert.deepEqual(seen, ['dynamic']);
    assert.equal(axis().reason, 'as its server says: proved by 9 runs');
    await advance(MOST_PAUSE_MS);
    assert.deepEqual(seen, ['dynamic', 'none']);
    axes.close();
    const { asked } = state;
    await advance(10 * MOST_PAUSE_MS);
    assert.deepEqual([state.asked, clock.armed], [asked, 0]);
  });

  it('asks at most every ten seconds in the long run', async () => {
    const { axes, state, advance } = setUp([reported('dynamic')]);
    await axes.look();
    axes.watch(FOLLOWED, () => assert.fail('nothing changes'));
    for (let i = 0; i < 60; i++) await advance(FIRST_PAUSE_MS);
    assert.ok(state.asked > 5 && state.asked < 12, `${state.asked}`);
    axes.close();
  });

  it('keeps what was said while the server is away', async () => {
    const { axes, axis, advance } = setUp([reported('dynamic'), GrpcStatus.UNAVAILABLE]);
    await axes.look();
    axes.watch(FOLLOWED, () => assert.fail('nothing is known'));
    await advance(FIRST_PAUSE_MS);
    assert.equal(axis().kind, 'dynamic');
    axes.close();
  });

  it('lets requests share only answers of the version that was asked about', async () => {
    const { axes } = setUp([reported('dynamic', '3')]);
    await axes.look();
    assert.equal(axes.mayShare('s', '4'), true, 'its owner has declared it');
    axes.watch(FOLLOWED, () => undefined);
    assert.deepEqual(
      [axes.mayShare('s', '3'), axes.mayShare('s', '4'), axes.mayShare('s', undefined)],
      [true, false, true],
    );
    axes.close();
    const mixing = setUp([reported('none', '3')]).axes;
    await mixing.look();
    mixing.watch(FOLLOWED, () => undefined);
    assert.equal(mixing.mayShare('s', '3'), false);
    mixing.close();
  });

  it('asks nobody where remote.yaml decides, or nothing could be shared', async () => {
    for (const [changes, kind, reason] of [
      [{ isBatching: true }, 'dynamic', 'declared in remote.yaml'],
      [{ isBatching: false }, 'none', 'off in remote.yaml'],
      [{ candidates: new Map([['s', signatureOf({ kind: 'none' })]]) }, 'none', undefined],
    ] as const) {
      const { axes, axis, state, clock } = setUp([reported('dynamic')], changes);
      await axes.look();
      axes.watch(FOLLOWED, () => assert.fail('nobody asks'));
      axes.lookSoon();
      assert.deepEqual([axis().kind, axis().reason, state.asked, clock.armed], [kind, reason, 0, 0]);
    }
  });
});
