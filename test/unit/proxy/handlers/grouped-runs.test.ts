/** The runs of a request whose rows differ in length: so many at once, all ended by the first error. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CancelSignal } from '../../../../src/core/cancel.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import type { TensorMap } from '../../../../src/core/tensor.ts';
import { StageClock } from '../../../../src/ledger/stage-clock.ts';
import type { ServableHandle, ServableRequest } from '../../../../src/models/serving/servable.ts';
import { runGroups } from '../../../../src/proxy/handlers/grouped-runs.ts';
import type { RequestContext } from '../../../../src/proxy/request-context.ts';

interface Submitted {
  readonly request: ServableRequest;
  readonly resolve: (outputs: TensorMap) => void;
}

/** A version that answers when it is told to, or rejects what is cancelled. */
function started(count: number) {
  const submitted: Submitted[] = [];
  let released = 0;
  const submit = (request: ServableRequest): Promise<TensorMap> =>
    new Promise((resolve, reject) => {
      request.context.cancel.listener = { onCancel: reject };
      submitted.push({ request, resolve });
    });
  const handle = { servable: { runner: { submit } }, release: () => released++ } as unknown as ServableHandle;
  const cancel = new CancelSignal();
  const context = { cancel, stages: new StageClock(1), deadline: Infinity, now: () => 2, note: () => undefined };
  const inputs = Array.from({ length: count }, () => new Map());
  const request = { signatureName: 's', inputs, outputs: ['y'], context: context as unknown as RequestContext };
  const answer = runGroups(handle, request);
  return { submitted, answer, cancel, context: context as unknown as RequestContext, released: () => released };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the runs of rows that differ in length', () => {
  it('are 32 at once, and answer in the order of the groups', async () => {
    const { submitted, answer, cancel, released } = started(40);
    assert.equal(submitted.length, 32);
    const own = (i: number): TensorMap => new Map([[String(i), undefined as never]]);
    for (const i of [5, 3, 0]) submitted[i]!.resolve(own(i));
    await turn();
    assert.equal(submitted.length, 35);
    for (let i = 0; i < 40; i++) {
      submitted[i]!.resolve(own(i));
      await turn();
    }
    assert.deepEqual(
      (await answer).map((outputs) => [...outputs.keys()][0]),
      Array.from({ length: 40 }, (_, i) => String(i)),
    );
    assert.deepEqual([released(), cancel.listener], [1, undefined]);
  });

  it('are all cancelled with their request, and none starts after', async () => {
    const { submitted, answer, cancel, released } = started(40);
    const reason = new ServingError('cancelled', 'the client left');
    cancel.cancel(reason);
    await assert.rejects(answer, reason);
    await turn();
    assert.equal(submitted.length, 32);
    assert.ok(submitted.every(({ request }) => request.context.cancel.isCancelled));
    assert.equal(released(), 1);
  });

  it('say of their request that it missed the cache where one of them did, and which was run again', async () => {
    const { submitted, answer, context } = started(3);
    const isolation = { kind: 'overloaded', tasks: 2, at: 1 };
    for (const [i, cache] of (['hit', 'miss', 'coalesced'] as const).entries()) {
      Object.assign(submitted[i]!.request.context, { cache, cacheMs: i, ...(i === 0 && { isolation }) });
      submitted[i]!.resolve(new Map());
    }
    await answer;
    assert.deepEqual([context.cache, context.cacheMs, context.isolation], ['miss', 2, isolation]);
  });

  it('end with the first error', async () => {
    const { submitted, answer, released } = started(3);
    const error = new ServingError('overloaded', 'no room');
    submitted[1]!.request.context.cancel.cancel(error);
    await assert.rejects(answer, error);
    assert.equal(submitted[0]!.request.context.cancel.reason?.kind, 'cancelled');
    assert.equal(submitted[2]!.request.context.cancel.reason?.kind, 'cancelled');
    assert.equal(released(), 1);
  });
});
