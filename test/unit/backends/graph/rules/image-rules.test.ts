/** Convolutions, pooling, resizing. */
import { testCases } from '../../../../support/judge-cases.ts';
import { floats, int64s, node } from '../../../../support/onnx-graph.ts';

const IMAGE = { inputs: { x: ['N', 3, 8, 8] } };
const KERNEL = { w: floats(Array(54).fill(1), [2, 3, 3, 3]) };

testCases('rows', {
  'a convolution whose size a Reshape needs': [
    {
      ...IMAGE,
      nodes: [
        node('Conv', 'x w', 'c', { strides: [2, 2], pads: [1, 1, 1, 1] }),
        node('MaxPool', 'c', 'p', { kernel_shape: [2, 2], strides: [2, 2] }),
        node('Reshape', 'p s', 'y'),
      ],
      constants: { ...KERNEL, s: int64s([-1, 8]) },
    },
  ],
  'a mean of each image': [
    {
      inputs: { x: ['N', 3, 'H', 'W'] },
      nodes: [node('GlobalAveragePool', 'x', 'g'), node('Reshape', 'g s', 'y')],
      constants: { s: int64s([-1, 3]) },
    },
  ],
  'channels that are the rows of a pooling': [
    { inputs: { x: [1, 'N', 8] }, axes: { x: 1, y: 1 }, nodes: [node('AveragePool', 'x', 'y', { kernel_shape: [2] })] },
  ],
  'twice the size': [{ ...IMAGE, nodes: [node('Resize', 'x - s', 'y')], constants: { s: floats([1, 1, 2, 2]) } }],
  'a size that is computed': [
    {
      ...IMAGE,
      nodes: [
        node('Shape', 'x', 'all'),
        node('Slice', 'all zero two', 'nc'),
        node('Concat', 'nc size', 'wanted', { axis: 0 }),
        node('Resize', 'x - - wanted', 'y', { mode: 'linear' }),
      ],
      constants: { zero: int64s([0]), two: int64s([2]), size: int64s([5, 5]) },
    },
  ],
  'pictures turned by a matrix of each row': [
    {
      inputs: { x: ['N', 2, 3], z: ['N', 3, 8, 8] },
      nodes: [node('Shape', 'z', 's'), node('AffineGrid', 'x s', 'g'), node('GridSample', 'z g', 'y')],
      opset: 20,
    },
  ],
  'blocks put together': [
    {
      inputs: { x: ['N', 4, 9] },
      nodes: [node('Col2Im', 'x s b', 'y')],
      constants: { s: int64s([4, 4]), b: int64s([2, 2]) },
      opset: 18,
    },
  ],
  'a convolution back': [
    {
      ...IMAGE,
      nodes: [node('ConvTranspose', 'x w', 'y')],
      constants: { w: floats(Array(54).fill(1), [3, 2, 3, 3]) },
    },
  ],
});

testCases('mixed', {
  'a convolution over the rows': [
    {
      inputs: { x: [1, 3, 'N'] },
      axes: { x: 2, y: 2 },
      nodes: [node('Conv', 'x w', 'y')],
      constants: { w: floats(Array(9).fill(1), [1, 3, 3]) },
    },
    /Conv.*axis 2/,
  ],
  'a pooling over the rows': [
    { inputs: { x: [1, 1, 'N'] }, axes: { x: 2, y: 2 }, nodes: [node('MaxPool', 'x', 'y', { kernel_shape: [2] })] },
    /pools axis 2/,
  ],
  'weights that come from the rows': [
    { inputs: { x: ['N', 3, 8, 8], z: ['N', 3, 3, 3] }, nodes: [node('Conv', 'x z', 'y')] },
    /weight/,
  ],
  'pictures as high as there are rows': [
    {
      ...IMAGE,
      nodes: [
        node('Shape', 'x', 's'),
        node('Slice', 's zero one', 'b'),
        node('Mul', 'b two', 'h'),
        node('Concat', 'b three h three', 'wanted', { axis: 0 }),
        node('Resize', 'x - - wanted', 'y'),
      ],
      constants: { zero: int64s([0]), one: int64s([1]), two: int64s([2]), three: int64s([3]) },
    },
    /number of rows/,
  ],
  'more rows by a Resize': [
    { ...IMAGE, nodes: [node('Resize', 'x - s', 'y')], constants: { s: floats([2, 1, 1, 1]) } },
    /Resize/,
  ],
});

testCases('undecided', {
  'grids for a fixed number of rows': [
    {
      inputs: { x: ['N', 2, 3] },
      nodes: [node('AffineGrid', 'x s', 'y')],
      constants: { s: int64s([2, 3, 8, 8]) },
      opset: 20,
    },
    /other rows/,
  ],
  'places of a pooling, which count from the first image': [
    { ...IMAGE, nodes: [node('MaxPool', 'x', 'z y', { kernel_shape: [2, 2] })] },
    /MaxPool.*output 1/,
  ],
  'a size that is not known to fit the columns': [
    {
      inputs: { x: ['N', 3, 'H', 'W'] },
      nodes: [node('Conv', 'x w', 'c'), node('Reshape', 'c s', 'y')],
      constants: { ...KERNEL, s: int64s([-1, 8]) },
    },
    /Reshape/,
  ],
});

/** x resized by a scale of its last axis. */
function resized(dims: readonly (number | string)[], scale: number, attributes = {}) {
  return {
    inputs: { x: dims },
    nodes: [node('Resize', 'x - scales', 'r', attributes), node('Shape', 'r', 'shape')],
    constants: { scales: floats([...dims.slice(1).map(() => 1), scale]) },
  };
}

testCases('rows', {
  'pictures made larger': [
    {
      ...resized(['N', 3, 4, 4], 2, { mode: 'linear' }),
      nodes: [node('Resize', 'x - scales', 'y', { mode: 'linear' })],
    },
  ],
});

testCases('undecided', {
  'rows next to each other in a picture of two axes': [
    { ...resized(['N', 4], 2), nodes: [node('Resize', 'x - scales', 'y', { mode: 'linear' })] },
    /axis of the rows for one of places/,
  ],
  'a size that float32 rounds up': [
    {
      ...resized(['N', 1, 1, 10], 0.7),
      nodes: [
        ...resized(['N', 1, 1, 10], 0.7).nodes,
        ...[node('Gather', 'shape first', 'n'), node('Gather', 'shape last', 'width')],
        // The width is 7, and is not 6.
        ...[
          node('Sub', 'width six', 'more'),
          node('Add', 'n more', 'm'),
          node('Concat', 'm rest', 'target', { axis: 0 }),
        ],
        node('Reshape', 'x target', 'y'),
      ],
      constants: {
        scales: floats([1, 1, 1, 0.7]),
        ...{ first: int64s([0]), last: int64s([3]), six: int64s([6]), rest: int64s([-1]) },
      },
    },
  ],
});
