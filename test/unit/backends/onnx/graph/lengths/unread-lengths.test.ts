/** Networks whose graphs do not tell at which lengths their arithmetic may change, and why. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LengthReading } from '../../../../../../src/backends/backend.ts';
import { type Case, CHOOSE, N, P, readingOf } from '../../../../../support/length-graphs.ts';
import { type GraphNode, int64s, node } from '../../../../../support/onnx-graph.ts';

const BRANCH = { inputs: {}, outputs: { b: { type: 'float' } }, nodes: [node('Neg', 'x', 'b')] } as const;
const named = (name: string, given: GraphNode): GraphNode => ({ ...given, name });

/** The reason has to name the node. */
const UNREAD: Readonly<Record<string, readonly [reason: RegExp, model: Case]>> = {
  If: [
    /^node "branch" \(If\): /,
    {
      nodes: [
        ...N,
        node('Greater', 'n i40', 'c'),
        named('branch', node('If', 'c', 'y', { then_branch: { graph: BRANCH }, else_branch: { graph: BRANCH } })),
      ],
    },
  ],
  Loop: [
    /^node "rounds" \(Loop\): /,
    { nodes: [...N, named('rounds', node('Loop', 'n - x', 'y', { body: { graph: BRANCH } }))] },
  ],
  Scan: [
    /^node that gives "y" \(Scan\): /,
    { nodes: [node('Scan', 'x', 'y', { num_scan_inputs: 1, body: { graph: BRANCH } })] },
  ],
  'a function of the model': [
    /^node that gives "y" \(own\.Twice\): /,
    {
      functions: [{ domain: 'own', name: 'Twice', inputs: ['a'], outputs: ['b'], nodes: [node('Add', 'a a', 'b')] }],
      nodes: [node('Twice', 'x', 'y', {}, 'own')],
    },
  ],
  'an op of nobody': [/\(own\.Fold\): /, { nodes: [node('Fold', 'x', 'y', {}, 'own')] }],
  'an op without a list': [/\(Unheard\): /, { nodes: [node('Unheard', 'x', 'y')] }],
  'a sequence': [/\(SequenceConstruct\): /, { nodes: [node('SequenceConstruct', 'x x', 'y')] }],
  'random numbers': [/\(RandomUniformLike\): /, { nodes: [node('RandomUniformLike', 'x', 'y')] }],
  'a tree of the length': [
    /\(ai\.onnx\.ml\.Binarizer\): /,
    { nodes: [...N, node('Binarizer', 'f', 'y', {}, 'ai.onnx.ml')] },
  ],
  'a row of a table that the length chooses': [
    /\(Gather\): the length says which/,
    { nodes: [...N, node('Gather', 'list n', 's'), node('Mul', 'x s', 'y')] },
  ],
  'a row that the length beside data chooses': [
    /\(Gather\): the length says which/,
    { nodes: [...N, node('Mul', 'ids i0', 'z'), node('Add', 'z n', 'at'), node('Gather', 'list at', 'y')] },
  ],
  'a length of eight bits': [
    /\(Cast\): a number that comes of the length may be more than 255/,
    {
      nodes: [
        ...N,
        node('Cast', 'n', 'small', { to: 2 }),
        node('Cast', 'small', 'd', { to: 1 }),
        node('Mul', 'x d', 'y'),
      ],
    },
  ],
  'a row of a table that a slice takes': [
    /\(Slice\): the length says which/,
    { nodes: [...N, node('Sub', 'v v1', 'u'), node('Slice', 'table u v v0', 's'), node('Add', 'x s', 'y')] },
  ],
  'the sum of the first rows': [
    /\(ReduceSum\): it puts numbers together/,
    { nodes: [...N, node('Slice', 'table v0 v v0', 's'), node('ReduceSum', 's v0', 'r'), node('Add', 'x r', 'y')] },
  ],
  'the last of the first rows': [
    /\(Gather\): it puts numbers together/,
    { nodes: [...N, node('Slice', 'table v0 v v0', 's'), node('Gather', 's minus', 'r'), node('Add', 'x r', 'y')] },
  ],
  'first rows that are filled up': [
    /\((Concat|Sub|Expand|ConstantOfShape|ReduceSum)\): /,
    {
      constants: { v512: int64s([512]), v4: int64s([4]) },
      nodes: [
        ...N,
        node('Slice', 'table v0 v v0', 's'),
        node('Sub', 'v512 v', 'rest'),
        node('Concat', 'rest v4', 'to', { axis: 0 }),
        node('ConstantOfShape', 'to', 'zeros'),
        node('Concat', 's zeros', 'whole', { axis: 0 }),
        node('ReduceSum', 'whole v0', 'r'),
        node('Add', 'x r', 'y'),
      ],
    },
  ],
  'many numbers that the length is compared with': [
    /\(Less\): it compares a length with many numbers/,
    { nodes: [...N, node('Less', 'list f', 'c'), node('Cast', 'c', 'y', { to: 1 })] },
  ],
  'positions of a fixed number': [
    /\(Equal\): it compares a length with many numbers/,
    {
      nodes: [...N, node('Range', 'i0 i512 i1', 'all'), node('Equal', 'all n', 'c'), node('Cast', 'c', 'y', { to: 1 })],
    },
  ],
  'a layer of the length': [
    /\(Relu\): what it does depends on the length/,
    {
      nodes: [
        ...N,
        node('Log', 'f', 'l'),
        node('Mul', 'list l', 'm'),
        node('Relu', 'm', 'r'),
        node('ReduceMean', 'r', 's'),
      ],
    },
  ],
  'a sum of positions': [
    /\(Greater\): what it does depends on the length/,
    { nodes: [...P, node('ReduceSum', 'p v0', 's'), node('Greater', 's i80', 'c'), ...CHOOSE] },
  ],
  'bits of the length': [/\(BitShift\): /, { nodes: [...N, node('BitShift', 'n i2', 'b', { direction: 'RIGHT' })] }],
  'too many lengths': [
    /^its arithmetic may change at 66 lengths \(2, 3, 4 … 67\), more than 64$/,
    {
      nodes: Array.from({ length: 33 }, (_, i) => [
        node('Constant', '', `k${i}`, { value_int: 2 * i + 2 }),
        node('Greater', `ids k${i}`, `c${i}`),
      ])
        .flat()
        .slice(0, 66),
    },
  ],
  'more curves than are computed': [
    /^it computes more than 4096 numbers of lengths$/,
    {
      nodes: [
        ...N,
        node('Add', 'n n', 'a0'),
        ...Array.from({ length: 4100 }, (_, i) => node('Add', `a${i} n`, `a${i + 1}`)),
      ],
    },
  ],
  'a text': [
    /^input "words" is no tensor of numbers$/,
    { inputs: { words: { type: 'string', dims: ['batch', 'n'] } }, nodes: [node('Identity', 'words', 'y')] },
  ],
};

describe('a road that cannot be followed', () => {
  for (const [name, [reason, model]] of Object.entries(UNREAD)) {
    test(name, async (t) => {
      const reading = await readingOf(t, model);
      assert.equal(reading.kind, 'unread', JSON.stringify(reading));
      assert.match((reading as Extract<LengthReading, { kind: 'unread' }>).reason, reason);
    });
  }
});
