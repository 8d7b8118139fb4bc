/** RNN, GRU, LSTM: the batch is axis 1, time is axis 0. */
import { testCases } from '../../../../support/judge-cases.ts';
import { floats, int64s, node } from '../../../../support/onnx-graph.ts';

const GRU = {
  w: floats(Array(3 * 2 * 4).fill(1), [1, 6, 4]),
  r: floats(Array(3 * 2 * 2).fill(1), [1, 6, 2]),
};
const BATCH_ON_1 = { inputs: { x: ['T', 'N', 4], h: [1, 'N', 2] }, axes: { x: 1, h: 1, y: 1, last: 1 } };
const SQUEEZED = node('Squeeze', 'all one', 'y');

testCases('rows', {
  'a sequence of each row, with its state': [
    {
      ...BATCH_ON_1,
      nodes: [node('GRU', 'x w r - - h', 'all last', { hidden_size: 2 }), SQUEEZED],
      constants: { ...GRU, one: int64s([1]) },
      outputs: ['y', 'last'],
    },
  ],
  'a batch in front that is moved': [
    {
      inputs: { x: ['N', 'T', 4] },
      nodes: [
        node('Transpose', 'x', 't', { perm: [1, 0, 2] }),
        node('GRU', 't w r', '- last', { hidden_size: 2, direction: 'reverse' }),
        node('Squeeze', 'last zero', 'y'),
      ],
      constants: { ...GRU, zero: int64s([0]) },
    },
  ],
  'a batch in front by its layout': [
    { inputs: { x: ['N', 'T', 4] }, nodes: [node('GRU', 'x w r', 'y', { hidden_size: 2, layout: 1 })], constants: GRU },
  ],
});

testCases('mixed', {
  'time on the axis of the rows': [
    { inputs: { x: ['T', 1, 4] }, nodes: [node('GRU', 'x w r', 'y', { hidden_size: 2 })], constants: GRU },
    /GRU.*state along axis 0/,
  ],
  'time backwards': [
    {
      inputs: { x: ['T', 1, 4] },
      nodes: [node('GRU', 'x w r', 'y', { hidden_size: 2, direction: 'reverse' })],
      constants: GRU,
    },
    /GRU/,
  ],
  'a state that is a constant of one row': [
    {
      inputs: { x: ['T', 'N', 4] },
      axes: { x: 1, y: 2 },
      nodes: [node('GRU', 'x w r - - h', 'y', { hidden_size: 2 })],
      constants: { ...GRU, h: floats([0, 0], [1, 1, 2]) },
    },
    /states/,
  ],
});
