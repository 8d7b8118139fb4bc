import assert from 'node:assert/strict';
import { it } from 'node:test';
import { MAX_CALIBRATED_BYTES } from '../../../../src/backends/host/calibration.ts';
import { MeasuredShapes } from '../../../../src/backends/host/measured-shapes.ts';
import type { Batch } from '../../../../src/core/executor.ts';
import { numericTensor, type Tensor } from '../../../../src/core/tensor.ts';
import { signature, spec } from '../../../support/puppet-models.ts';

const ROWS = signature({ x: spec('float32', [-1, -1]), mask: spec('int64', [-1]) }, { y: spec('float32', [-1]) });
const TEXTS = signature({ x: spec('string', [-1]) }, { y: spec('float32', [-1]) });

function batch(inputs: Readonly<Record<string, Tensor>>, signatureName = 'serving_default'): Batch {
  return { signatureName, inputs: new Map(Object.entries(inputs)), outputs: ['y'], size: 1, deadline: Infinity };
}

function floats(...shape: readonly number[]): Tensor {
  return numericTensor('float32', shape, new Float32Array(shape.reduce((a, b) => a * b, 1)));
}

it('rows up to the most that were measured, and the other dims as they were', () => {
  const shapes = new MeasuredShapes(new Map([['serving_default', ROWS]]), 4);
  const has = (x: Tensor, mask = floats(1)) => shapes.has(batch({ x, mask }));
  assert.deepEqual([has(floats(1, 1)), has(floats(4, 1))], [true, true]);
  assert.deepEqual(
    [has(floats(5, 1)), has(floats(1, 2)), has(floats(1)), has(floats(1, 1), floats(5))],
    Array(4).fill(false),
  );
  assert.equal(shapes.has(batch({ x: floats(1, 1) }, 'other')), false);
  assert.equal(shapes.has(batch({ unknown: floats(1, 1) })), false);
});

it('twice as many rows may be measured next, up to a mebibyte', () => {
  const shapes = new MeasuredShapes(new Map([['serving_default', ROWS]]), 4);
  const of = (rows: number) => batch({ x: floats(rows, 1), mask: floats(rows) });
  assert.deepEqual([shapes.isNext(of(8)), shapes.isNext(of(9))], [true, false]);
  shapes.add(of(8));
  assert.deepEqual([shapes.has(of(8)), shapes.isNext(of(16))], [true, true]);
  const wide = new MeasuredShapes(new Map([['serving_default', ROWS]]), MAX_CALIBRATED_BYTES);
  assert.equal(wide.isNext(of(MAX_CALIBRATED_BYTES / 4)), false);
});

it('rows that are large, as many as a mebibyte holds', () => {
  const images = (...shape: readonly number[]) =>
    new MeasuredShapes(
      new Map([['serving_default', signature({ x: spec('float32', shape) }, { y: spec('float32', [-1]) })]]),
      64,
    );
  const has = (shapes: MeasuredShapes, ...shape: readonly number[]) => shapes.has(batch({ x: floats(...shape) }));
  const large = images(-1, 224, 224, 3);
  assert.deepEqual([has(large, 1, 224, 224, 3), has(large, 2, 224, 224, 3)], [true, false]);
  const smaller = images(-1, 128, 128, 3);
  assert.deepEqual([has(smaller, 4, 128, 128, 3), has(smaller, 5, 128, 128, 3)], [true, false]);
  // Many of those are run at once, and were not measured.
  assert.equal(has(images(-1, 5000), 1, 5000), false);
});

it('texts of one shape have no measured length, so their bytes count', () => {
  const shapes = new MeasuredShapes(new Map([['serving_default', TEXTS]]), 4);
  const text = (bytes: number): Tensor => ({ dtype: 'string', shape: [1], data: [new Uint8Array(bytes)] });
  assert.deepEqual(
    [shapes.has(batch({ x: text(9) })), shapes.has(batch({ x: text(MAX_CALIBRATED_BYTES + 1) }))],
    [true, false],
  );
});
