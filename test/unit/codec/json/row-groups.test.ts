/** Rows of one request that differ in length: read in groups, and answered in their order. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { entriesOf } from '../../../../src/codec/json/answer-slices.ts';
import { OutputsPrinter } from '../../../../src/codec/json/json-outputs.ts';
import { PredictBodyScanner } from '../../../../src/codec/json/predict-body.ts';
import { groupedPieces, type RowGroup, readGroups } from '../../../../src/codec/json/row-groups.ts';
import type { TensorSpec } from '../../../../src/core/signature.ts';
import { elements, type NumericTensor, numericTensor } from '../../../../src/core/tensor.ts';

const IDS: TensorSpec = { dtype: 'int32', shape: [-1, -1], tensorName: 'ids' };
const WORDS: TensorSpec = { dtype: 'string', shape: [-1, -1], tensorName: 'words' };

function read(instances: unknown, specs: Record<string, TensorSpec> = { ids: IDS }, defaults?: Set<string>) {
  const scanner = new PredictBodyScanner();
  const body = scanner.scan(Buffer.from(JSON.stringify({ instances })));
  return readGroups(scanner, body, { inputs: new Map(Object.entries(specs)), defaults });
}

function shown(groups: readonly RowGroup[]): unknown {
  return groups.map(({ rows, inputs }) => [
    rows,
    Object.fromEntries(
      [...inputs].map(([name, tensor]) => [
        name,
        [tensor.shape, tensor.dtype === 'string' ? tensor.data.map(String) : [...elements(tensor)]],
      ]),
    ),
  ]);
}

describe('rows that differ in length', () => {
  it('are stacked with those of their length, in the order of the first', () => {
    assert.deepEqual(shown(read([[5, 7, 2], [4], [9, 1, 3]])), [
      [
        [0, 2],
        {
          ids: [
            [2, 3],
            [5, 7, 2, 9, 1, 3],
          ],
        },
      ],
      [[1], { ids: [[1, 1], [4]] }],
    ]);
    const named = [
      { ids: [1], words: ['a'] },
      { words: ['b', 'c'], ids: [2, 3] },
      { ids: [4], words: ['d'] },
    ];
    assert.deepEqual(shown(read(named, { ids: IDS, words: WORDS })), [
      [
        [0, 2],
        {
          ids: [
            [2, 1],
            [1, 4],
          ],
          words: [
            [2, 1],
            ['a', 'd'],
          ],
        },
      ],
      [
        [1],
        {
          ids: [
            [1, 2],
            [2, 3],
          ],
          words: [
            [1, 2],
            ['b', 'c'],
          ],
        },
      ],
    ]);
  });

  it('are one group where they do not, and may leave out what has a default', () => {
    assert.deepEqual(
      shown(
        read([
          [1, 2],
          [3, 4],
        ]),
      ),
      [
        [
          [0, 1],
          {
            ids: [
              [2, 2],
              [1, 2, 3, 4],
            ],
          },
        ],
      ],
    );
    const rows = [{ ids: [1] }, { ids: [2, 3] }];
    const groups = read(rows, { ids: IDS, types: { ...IDS, tensorName: 'types' } }, new Set(['types']));
    assert.deepEqual(
      groups.map(({ inputs }) => [...inputs.keys()]),
      [['ids'], ['ids']],
    );
    const types = { ...IDS, tensorName: 'types' };
    assert.deepEqual(shown(read([[1], [2, 3]], { ids: IDS, types }, new Set(['types']))), [
      [[0], { ids: [[1, 1], [1]] }],
      [
        [1],
        {
          ids: [
            [1, 2],
            [2, 3],
          ],
        },
      ],
    ]);
  });

  it('have the dims of their signature, as rows of one length have', () => {
    const weight: TensorSpec = { dtype: 'float32', shape: [-1, 1], tensorName: 'weight', isColumn: true };
    const rows = [
      { ids: [1], weight: 0.5 },
      { ids: [2, 3], weight: 2 },
    ];
    const shapesOf = (groups: readonly RowGroup[], name: string): unknown =>
      groups.map(({ inputs }) => inputs.get(name)!.shape);
    assert.deepEqual(shapesOf(read(rows, { ids: IDS, weight }), 'weight'), [
      [1, 1],
      [1, 1],
    ]);
  });

  it('name what is wrong by its row', () => {
    assert.throws(() => read([[1], [2, 3], ['x']]), /instances\[2\]\[0\] is a string/);
    assert.throws(() => read([{ ids: [1] }, { ids: [1, 2] }, { id: [1] }]), /instances\[2\] has the key "id"/);
    assert.throws(
      () => read([[1], [2, 3], { ids: [1] }]),
      /instances\[2\] is an object, but the rows before it are no objects/,
    );
    assert.throws(() => read([{ ids: [1] }, [1]]), /instances\[1\] is a list, but the rows before it are objects/);
    assert.throws(() => read([{ ids: [1] }, { ids: [1, 2] }, [1]], { ids: IDS, more: IDS }), /lacks "more"/);
  });

  it('are answered in their order, each of its own length', () => {
    const group = (rows: number[], length: number): { rows: number[]; outputs: Map<string, NumericTensor> } => {
      const values = Float32Array.from({ length: rows.length * length }, (_, i) => rows[Math.floor(i / length)]!);
      return { rows, outputs: new Map([['y', numericTensor('float32', [rows.length, length], values)]]) };
    };
    const printer = new OutputsPrinter();
    const text = [...groupedPieces([group([0, 2], 2), group([1], 3)])]
      .map((piece) =>
        typeof piece === 'string' ? piece : String(entriesOf(printer.print(piece.outputs, piece.format), piece)),
      )
      .join('');
    assert.deepEqual(JSON.parse(text), {
      predictions: [
        [0, 0],
        [1, 1, 1],
        [2, 2],
      ],
    });
    assert.throws(() => groupedPieces([{ ...group([0, 2], 2), rows: [0] }]), /other rows than the request/);
  });
});
