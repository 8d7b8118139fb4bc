import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import { PREDICT_METHOD_NAME, type Signatures } from '../../../../src/core/signature.ts';
import { zerosOf } from '../../../../src/core/tensor.ts';
import { EndingShapes, MAX_ENDING, type Shaped } from '../../../../src/models/serving/ending-shapes.ts';

const CRASH = new ServingError('worker_crashed', 'it died (signal SIGABRT)');

/** One input of these dims. */
function signatures(...shape: number[]): Signatures {
  const x = { dtype: 'float32', shape, tensorName: 'x' } as const;
  const signature = { inputs: new Map([['x', x]]), outputs: new Map(), methodName: PREDICT_METHOD_NAME };
  return new Map([['serving_default', { ...signature, batchAxis: { kind: 'dynamic' } }]]);
}

function shaped(...shape: number[]): Shaped {
  return { signatureName: 'serving_default', inputs: new Map([['x', zerosOf('float32', shape)]]) };
}

describe('shapes that have ended a process', () => {
  it('are refused with any number of rows, where the signature takes any', () => {
    const shapes = new EndingShapes(signatures(-1, 28, 28, 1));
    assert.equal(shapes.refusalOf(shaped(1, 784)), undefined);
    const told = shapes.onEnded(shaped(1, 784), CRASH);
    assert.equal(told.kind, 'invalid_request');
    assert.match(told.message, /"x" \[1,784\] is refused from now on: it died \(signal SIGABRT\)/);
    assert.equal(shapes.refusalOf(shaped(8, 784))?.kind, 'invalid_request');
    assert.equal(shapes.refusalOf(shaped(8, 783)), undefined);
    assert.equal(shapes.refusalOf(shaped(784)), undefined);
  });

  it('are refused with that number of rows alone, where the number is declared', () => {
    const shapes = new EndingShapes(signatures(2, 3));
    shapes.onEnded(shaped(4, 3), CRASH);
    assert.notEqual(shapes.refusalOf(shaped(4, 3)), undefined);
    assert.equal(shapes.refusalOf(shaped(5, 3)), undefined);
  });

  it('are refused with that number of rows alone, where others have been answered', () => {
    const shapes = new EndingShapes(signatures(-1, 3));
    shapes.onAnswered(shaped(1, 4));
    shapes.onEnded(shaped(1_000, 4), CRASH);
    assert.notEqual(shapes.refusalOf(shaped(1_000, 4)), undefined);
    assert.equal(shapes.refusalOf(shaped(1, 4)), undefined);
  });

  it('are so many at most: then only shapes run that were answered before', () => {
    const shapes = new EndingShapes(signatures(-1, 3));
    shapes.onAnswered(shaped(1, 1));
    for (let i = 0; i < MAX_ENDING; i++) shapes.onEnded(shaped(1, 10 + i), CRASH);
    assert.match(shapes.refusalOf(shaped(1, 2))!.message, /runs of 16 other shapes have ended/);
    assert.equal(shapes.refusalOf(shaped(7, 1)), undefined);
  });
});
