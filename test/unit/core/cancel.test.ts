import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CancelSignal, clientLeft } from '../../../src/core/cancel.ts';
import { ServingError } from '../../../src/core/errors.ts';

const deadline = new ServingError('deadline_exceeded', 'late');

describe('CancelSignal', () => {
  it('is set once: the first reason stays', () => {
    const signal = new CancelSignal();
    assert.equal(signal.isCancelled, false);
    signal.throwIfCancelled();
    const left = clientLeft('queue');
    signal.cancel(left);
    signal.cancel(deadline);
    assert.equal(signal.isCancelled, true);
    assert.equal(signal.reason, left);
    assert.throws(() => signal.throwIfCancelled(), left);
  });

  it('calls its listener once, synchronously', () => {
    const signal = new CancelSignal();
    const heard: ServingError[] = [];
    signal.listener = { onCancel: (reason) => heard.push(reason) };
    signal.cancel(deadline);
    assert.deepEqual(heard, [deadline]);
    signal.cancel(deadline);
    assert.equal(heard.length, 1);
    assert.equal(signal.listener, undefined, 'the listener and what it holds may be freed');
  });

  it('calls only the stage that took over last', () => {
    const signal = new CancelSignal();
    const heard: string[] = [];
    signal.listener = { onCancel: () => heard.push('first') };
    signal.listener = { onCancel: () => heard.push('second') };
    signal.cancel(deadline);
    assert.deepEqual(heard, ['second']);
  });

  it('has its reason before it calls the listener', () => {
    const signal = new CancelSignal();
    let seen: ServingError | undefined;
    signal.listener = {
      onCancel: () => {
        seen = signal.reason;
      },
    };
    signal.cancel(deadline);
    assert.equal(seen, deadline);
  });

  it('names the stage in which the client left', () => {
    const error = clientLeft('execute');
    assert.equal(error.kind, 'cancelled');
    assert.deepEqual(error.attributes, { stage: 'execute' });
  });
});
