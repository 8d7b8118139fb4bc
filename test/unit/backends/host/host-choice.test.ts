import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  chooseHost,
  fixedHost,
  hostNeeds,
  inlineLimitsFor,
  type LoadFacts,
  requestedHost,
} from '../../../../src/backends/host/host-choice.ts';

const LIMITS = { runMs: 0.3, loadMs: 20 };
const TINY: LoadFacts = { isSynchronous: true, loadMs: 3, oneRowMs: 0.01, largestMs: 0.05 };

describe('chooseHost', () => {
  it('puts a tiny model inline, and one at the limits too', () => {
    const { kind, reason } = chooseHost(TINY, LIMITS);
    assert.deepEqual([kind, reason], ['inline', 'its largest batch took 0.05 ms, within 0.3 ms']);
    assert.equal(chooseHost({ ...TINY, loadMs: 20, oneRowMs: 0.3, largestMs: 0.3 }, LIMITS).kind, 'inline');
  });

  const cases: readonly (readonly [Partial<LoadFacts>, RegExp])[] = [
    [{ isSynchronous: false }, /later turn/],
    [{ loadMs: 134 }, /took 134 ms to load, over 20 ms/],
    [{ oneRowMs: 0.31, largestMs: undefined }, /one row took 0\.31 ms, over 0\.3 ms/],
    [{ largestMs: undefined }, /mebibyte/],
    [{ largestMs: 4.2 }, /largest batch took 4\.2 ms, over 0\.3 ms/],
  ];
  for (const [facts, reason] of cases) {
    it(`gives threads to a model of which is known ${JSON.stringify(facts)}`, () => {
      const choice = chooseHost({ ...TINY, ...facts }, LIMITS);
      assert.equal(choice.kind, 'thread');
      assert.match(choice.reason, reason);
    });
  }

  it('lets a longer run be inline where a thread would have no core to itself', () => {
    const model: LoadFacts = { ...TINY, largestMs: 0.45 };
    const kinds = [1, 2, 4, 64].map((cores) => chooseHost(model, inlineLimitsFor(cores)).kind);
    assert.deepEqual(kinds, ['inline', 'inline', 'thread', 'thread']);
  });
});

describe('fixedHost', () => {
  it('leaves a backend without a wish to measurement, or to the configuration', () => {
    const any = { kind: 'any' };
    assert.deepEqual([fixedHost(any, 'auto'), fixedHost(any, 'inline')], [undefined, undefined]);
    assert.deepEqual(fixedHost(any, 'thread'), { kind: 'thread', reason: 'as configured' });
    assert.deepEqual(fixedHost(any, 'process'), { kind: 'process', reason: 'as configured' });
  });

  it('gives a process to sessions on a device, if the backend says so', () => {
    const backend = { kind: 'onnx', devicesMustRunIn: 'process' } as const;
    assert.equal(fixedHost(hostNeeds(backend, 'cpu'), 'auto'), undefined);
    const onDevice = hostNeeds(backend, 'cuda');
    assert.deepEqual(fixedHost(onDevice, 'auto'), {
      kind: 'process',
      reason: 'backend "onnx" on cuda runs in a process only',
    });
    assert.equal(requestedHost(onDevice, undefined, 'thread'), 'auto');
    const message = /host thread was asked for, but backend "onnx" on cuda runs with host process only/;
    assert.throws(() => fixedHost(onDevice, 'thread'), { kind: 'load_failed', message });
    assert.equal(fixedHost(hostNeeds({ kind: 'any' }, 'cuda'), 'auto'), undefined);
  });

  for (const mustRunIn of ['process', 'inline'] as const) {
    it(`gives a backend that must run in ${mustRunIn} that host, and refuses every other`, () => {
      const backend = { kind: 'picky', mustRunIn };
      assert.match(fixedHost(backend, 'auto')!.reason, /backend "picky" runs .* only/);
      assert.equal(fixedHost(backend, mustRunIn)!.kind, mustRunIn);
      for (const asked of (['inline', 'thread', 'process'] as const).filter((kind) => kind !== mustRunIn)) {
        const message = new RegExp(`host ${asked} was asked for.*host ${mustRunIn} only; set host=${mustRunIn}`);
        assert.throws(() => fixedHost(backend, asked), { kind: 'load_failed', message });
      }
    });
  }
});
