import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PREDICT_METHOD_NAME, type Signature, type TensorSpec } from '../../../src/core/signature.ts';
import { elements, type NumericTensor, numericTensor, stringTensor, type TensorMap } from '../../../src/core/tensor.ts';
import { ProofEnded, ProofStopped } from '../../../src/features/row-proofs/proof-runs.ts';
import { proveRows } from '../../../src/features/row-proofs/prove-rows.ts';
import { type Rows, rowRun, signatureOf } from '../../support/row-models.ts';
import { proofOf } from './proof-of.ts';

const columns = (x: Rows): readonly number[] => x[0]!.map((_, i) => i);
const perColumn = (x: Rows, of: (column: number[]) => number): number[] =>
  columns(x).map((i) => of(x.map((row) => row[i]!)));
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const double = (x: Rows): Rows => x.map((row) => row.map((v) => 2 * v + 1));

function normalized(x: Rows, norm: (column: number[]) => number): Rows {
  const norms = perColumn(x, norm);
  return x.map((row) => row.map((v, i) => v / norms[i]!));
}

function softmaxOverRows(x: Rows): Rows {
  const largest = perColumn(x, (column) => Math.max(...column));
  const powers = x.map((row) => row.map((v, i) => Math.exp(v - largest[i]!)));
  return normalized(powers, sum);
}

/** Each row is a step of time; the last step comes first. */
function reverseScan(x: Rows): Rows {
  let state = x[0]!.map(() => 0);
  const states = x.toReversed().map((row) => {
    state = row.map((v, i) => Math.tanh(v + 0.5 * state[i]!));
    return state;
  });
  return states.toReversed();
}

function attentionOverTime(x: Rows): Rows {
  const scores = x.map((a) => x.map((b) => sum(a.map((v, i) => v * b[i]!))));
  return scores.map((row) => {
    const powers = row.map((v) => Math.exp(v - Math.max(...row)));
    return columns(x).map((i) => sum(powers.map((p, t) => (p / sum(powers)) * x[t]![i]!)));
  });
}

/** One scale for the whole tensor, as DynamicQuantizeLinear has. */
function dynamicallyQuantized(x: Rows): Rows {
  const scale = (2 * Math.max(...x.flat().map(Math.abs))) / 255;
  return x.map((row) => row.map((v) => Math.round(v / scale) * scale));
}

describe('proveRows accepts', () => {
  const rowwise: Readonly<Record<string, (x: Rows) => Rows>> = {
    'a function of each row': double,
    'a softmax within each row': (x) => x.map((row) => row.map((v) => Math.exp(v) / sum(row.map(Math.exp)))),
    'rounding that depends on the batch size': (x) => double(x).map((row) => row.map((v) => v * (1 + 1e-6 * x.length))),
    'a model that refuses the outliers': (x) => {
      if (x.flat().some((v) => !(Math.abs(v) < 300))) throw new Error('out of range');
      return double(x);
    },
  };
  for (const [name, model] of Object.entries(rowwise)) {
    it(name, async () => {
      const proof = await proofOf(model);
      assert.equal(proof.kind, 'accepted', proof.reason);
      assert.ok(proof.runs >= 40, `${proof.runs} runs`);
    });
  }

  it('the same in float16, and with a fixed number of rows', async () => {
    const half = await proofOf(double, {
      signature: signatureOf({ kind: 'dynamic' }, 'float16'),
      run: rowRun(double, 'float16'),
    });
    assert.equal(half.kind, 'accepted', half.reason);
    for (const size of [1, 2, 4, 11]) {
      const fixed = await proofOf(
        (x) => {
          assert.equal(x.length, size);
          return double(x);
        },
        { signature: signatureOf({ kind: 'fixed', size }, 'float32', [size, 4]) },
      );
      assert.equal(fixed.kind, 'accepted', `${size}: ${fixed.reason}`);
    }
  });

  it('runs sizes 1, 2, 3, 5, 8 and the largest', async () => {
    const sizes = new Set<number>();
    await proofOf((x) => {
      sizes.add(x.length);
      return double(x);
    });
    assert.deepEqual(
      [...sizes].sort((a, b) => a - b),
      [1, 2, 3, 5, 8, 64],
    );
  });

  it('NaN that equals NaN', async () => {
    const proof = await proofOf((x) => x.map((row) => row.map((v) => Math.log(v))));
    assert.equal(proof.kind, 'accepted', proof.reason);
  });
});

describe('proveRows rejects', () => {
  const mixed: Readonly<Record<string, (x: Rows) => Rows>> = {
    'an L1 normalization over the rows': (x) => normalized(x, (column) => sum(column.map(Math.abs))),
    'an L2 normalization over the rows': (x) => normalized(x, (column) => Math.hypot(...column)),
    'an RMS normalization over the rows': (x) =>
      normalized(x, (column) => Math.sqrt(sum(column.map((v) => v * v)) / column.length)),
    'the lower triangle of rows and columns': (x) => x.map((row, r) => row.map((v, i) => (i <= r ? v : 0))),
    'the upper triangle of rows and columns': (x) => x.map((row, r) => row.map((v, i) => (i >= r ? v : 0))),
    'a softmax over the rows': softmaxOverRows,
    'attention over time': attentionOverTime,
    'a recurrence that begins at the last row': reverseScan,
    'a sum of the rows so far': (x) =>
      x.map((row, r) => row.map((_, i) => sum(x.slice(0, r + 1).map((each) => each[i]!)))),
    'a difference to the row before': (x) => x.map((row, r) => row.map((v, i) => v - (x[r - 1]?.[i] ?? 0))),
    'the number of rows in the answer': (x) => x.map((row) => row.map((v) => v + x.length)),
    'the rows in another order': (x) => x.toReversed(),
    'the position of each row': (x) => x.map((row, r) => row.map((v) => v + r)),
    'a maximum over the rows': (x) =>
      x.map((row) => row.map((v, i) => Math.max(v, perColumn(x, (c) => Math.max(...c))[i]!))),
  };
  for (const [name, model] of Object.entries(mixed)) {
    it(name, async () => {
      const proof = await proofOf(model);
      assert.deepEqual([proof.kind, proof.reason.includes('output "y"')], ['rejected', true], proof.reason);
    });
    it(`${name}, in runs of a fixed size`, async () => {
      // The number of rows is no input there.
      if (name.includes('number of rows')) return;
      const signature = signatureOf({ kind: 'fixed', size: 4 }, 'float32', [4, 4]);
      assert.equal((await proofOf(model, { signature })).kind, 'rejected');
    });
  }

  it('a softmax over the rows in float16', async () => {
    const signature = signatureOf({ kind: 'dynamic' }, 'float16');
    const proof = await proofOf(softmaxOverRows, { signature, run: rowRun(softmaxOverRows, 'float16') });
    assert.equal(proof.kind, 'rejected', proof.reason);
  });

  it('a scale that all rows share, and says so', async () => {
    const proof = await proofOf(dynamicallyQuantized);
    assert.deepEqual([proof.kind, /as if the rows shared a quantization scale/.test(proof.reason)], ['rejected', true]);
  });

  it('what only large numbers in another row show', async () => {
    const clipped = (x: Rows): Rows => {
      const factor = Math.max(1, Math.max(...x.flat().map(Math.abs)) / 300);
      return x.map((row) => row.map((v) => v / factor));
    };
    const proof = await proofOf(clipped);
    assert.match(proof.reason, /changes when another row holds large numbers/);
  });

  it('what only NaN in another row shows', async () => {
    const poisoned = (x: Rows): Rows => double(x).map((row) => row.map((v) => v + 0 * x[1 % x.length]![0]!));
    assert.match((await proofOf(poisoned)).reason, /changes when another row holds NaN/);
  });

  it('a model whose answers are random, or depend on the runs before', async () => {
    let runs = 0;
    const stateful = await proofOf((x) => x.map((row) => row.map((v) => v + runs++)));
    assert.deepEqual([stateful.kind, stateful.reason], ['rejected', 'output "y" of one row is another each time']);
    const random = await proofOf((x) => x.map((row) => row.map(() => Math.random())));
    assert.equal(random.kind, 'rejected');
  });

  it('outputs that do not have the rows of the inputs', async () => {
    for (const model of [
      (x: Rows) => [...x, ...x],
      (x: Rows) => x.slice(0, 1),
      (x: Rows) => x.map((row) => row.slice(0, 2)).concat(x.map((row) => row.slice(2))),
    ]) {
      const { kind, reason } = await proofOf(model);
      assert.deepEqual([kind, /is no batch/.test(reason)], ['rejected', true], reason);
    }
  });

  it('an output [T, B, C] of one row at a time', async () => {
    const signature = { ...signatureOf({ kind: 'fixed', size: 1 }, 'float32', [1, 1, 4]) };
    const proof = await proveRows({
      signature,
      run: async () => new Map([['y', numericTensor('float32', [17, 1, 4], new Float32Array(68))]]),
      maxRows: () => 64,
      isOnlyProof: false,
    });
    assert.equal(proof.kind, 'rejected');
    assert.equal(proof.reason, 'output "y" has shape [17,1,4] for one row, so its dim 0 is no batch');
  });

  it('a model that refuses several rows', async () => {
    const proof = await proofOf((x) => {
      if (x.length > 2) throw new Error('cannot reshape');
      return double(x);
    });
    assert.equal(proof.reason, 'the model refuses 3 rows at once: cannot reshape');
  });
});

describe('proveRows is undecided', () => {
  it('about a model that ignores its input', async () => {
    const proof = await proofOf((x) => x.map(() => [1, 2, 3, 4]));
    assert.equal(proof.kind, 'undecided');
    assert.equal(proof.reason, 'output "y" was the same for all inputs that were tried');
  });

  it('not about a model whose thresholds lie where few inputs are', async () => {
    const label = (x: Rows): Rows => x.map((row) => [row[0]! > 4 && row[0]! < 8 ? 1 : 0]);
    const narrow = (x: Rows): Rows => x.map((row) => [Math.exp(-1e4 * row[0]! ** 2)]);
    const signature = signatureOf({ kind: 'dynamic' }, 'float32', [-1, 1]);
    for (const model of [label, narrow]) {
      const proof = await proofOf(model, { signature });
      assert.equal(proof.kind, 'accepted', proof.reason);
    }
  });

  it('about one constant output, unless something else proves the axis', async () => {
    const { inputs, outputs, ...rest } = signatureOf();
    const signature = {
      ...rest,
      inputs,
      outputs: new Map([...outputs, ['label', { ...outputs.get('y')!, tensorName: 'label' }]]),
    };
    const run = async (tensors: TensorMap): Promise<TensorMap> => {
      const x = tensors.get('x') as NumericTensor;
      return new Map([
        ['y', x],
        ['label', numericTensor('float32', x.shape, new Float32Array(x.data.length / 4))],
      ]);
    };
    assert.equal((await proofOf(double, { signature, run })).kind, 'undecided');
    assert.equal((await proofOf(double, { signature, run, isOnlyProof: false })).kind, 'accepted');
  });

  it('about a model that refuses everything', async () => {
    const proof = await proofOf(() => {
      throw new Error('no such token');
    });
    assert.equal(proof.kind, 'undecided');
    assert.equal(proof.reason, 'the model refused all inputs that were tried: no such token');
  });

  it('when its runs are stopped, and has no outcome when they are ended', async () => {
    let runs = 0;
    const stop = (error: Error) => (x: Rows) => {
      runs += 1;
      if (runs % 20 === 0) throw error;
      return double(x);
    };
    const stopped = await proofOf(stop(new ProofStopped('it took too long')));
    assert.deepEqual([stopped.kind, stopped.reason, runs], ['undecided', 'it took too long', 20]);
    await assert.rejects(proofOf(stop(new ProofEnded())), ProofEnded);
  });
});

describe('the inputs of proveRows', () => {
  const tokens: Signature = {
    inputs: new Map([
      ['ids', { dtype: 'int64', shape: [-1, -1], tensorName: 'ids' }],
      ['mask', { dtype: 'int64', shape: [-1, -1], tensorName: 'mask' }],
    ]),
    outputs: new Map([['y', { dtype: 'float32', shape: [-1], tensorName: 'y' }]]),
    methodName: PREDICT_METHOD_NAME,
    batchAxis: { kind: 'dynamic' },
  };

  /** Means of an embedding over the sequence; `mix` is added to each row. */
  function embed(vocabulary: number, mix: (y: Float32Array) => number = () => 0, shortest = 2) {
    return async (inputs: TensorMap): Promise<TensorMap> => {
      const ids = inputs.get('ids') as NumericTensor;
      const mask = elements(inputs.get('mask') as NumericTensor) as BigInt64Array;
      const [rows, length] = ids.shape as [number, number];
      if (length < shortest) throw new Error('too short');
      const y = new Float32Array(rows);
      (elements(ids) as BigInt64Array).forEach((id, i) => {
        if (id >= vocabulary || (inputs.size === 2 && mask[i]! > 1n)) throw new Error(`index ${id} is out of bounds`);
        y[Math.floor(i / length)]! += Math.sin(Number(id)) * (0.5 + Number(mask[i]!));
      });
      const mixed = mix(y);
      return new Map([
        [
          'y',
          numericTensor(
            'float32',
            [rows],
            y.map((v) => v + mixed),
          ),
        ],
      ]);
    };
  }

  it('are tokens that the model knows, of a length that it accepts', async () => {
    for (const vocabulary of [50_000, 300, 30, 5]) {
      const proof = await proofOf(double, { signature: tokens, run: embed(vocabulary) });
      assert.equal(proof.kind, 'accepted', proof.reason);
      const mixed = await proofOf(double, { signature: tokens, run: embed(vocabulary, (y) => sum([...y]) / 10) });
      assert.equal(mixed.kind, 'rejected', mixed.reason);
    }
  });

  it('are recorded requests, where the model refuses random ones', async () => {
    const request = (...ids: bigint[]): TensorMap =>
      new Map([
        ['ids', numericTensor('int64', [ids.length / 2, 2], new BigInt64Array(ids))],
        ['mask', numericTensor('int64', [ids.length / 2, 2], new BigInt64Array(ids.length).fill(1n))],
      ]);
    const known = new Set([7001n, 7002n, 7003n, 7004n]);
    const strict = async (inputs: TensorMap): Promise<TensorMap> => {
      for (const id of elements(inputs.get('ids') as NumericTensor))
        if (!known.has(id as bigint)) throw new Error('unknown');
      return embed(10_000)(inputs);
    };
    const options = { signature: tokens, run: strict };
    assert.equal((await proofOf(double, options)).kind, 'undecided');
    const recorded = [request(7001n, 7002n, 7003n, 7004n), request(7004n, 7004n), request(7001n, 7001n, 7001n, 7003n)];
    const proof = await proofOf(double, { ...options, recorded });
    assert.equal(proof.kind, 'accepted', proof.reason);
    const mixing = async (inputs: TensorMap): Promise<TensorMap> => {
      const y = elements((await strict(inputs)).get('y') as NumericTensor) as Float32Array;
      return new Map([
        [
          'y',
          numericTensor(
            'float32',
            [y.length],
            y.map((v) => v / Math.hypot(...y)),
          ),
        ],
      ]);
    };
    assert.equal((await proofOf(double, { ...options, run: mixing, recorded })).kind, 'rejected');
  });

  it('have lengths that fit each other, as with cached keys', async () => {
    const free = { dtype: 'int64', shape: [-1, -1] } as const;
    const cache = { dtype: 'float32', shape: [-1, 2, -1, 3] } as const;
    const inputs = new Map<string, TensorSpec>([
      ['ids', { ...free, tensorName: 'ids' }],
      ['mask', { ...free, tensorName: 'mask' }],
      ['past.0', { ...cache, tensorName: 'past.0' }],
      ['past.1', { ...cache, tensorName: 'past.1' }],
    ]);
    const run = async (given: TensorMap): Promise<TensorMap> => {
      const [ids, mask, past, other] = [...given.values()].map(({ shape }) => shape);
      if (mask![1] !== ids![1]! + past![2]! || past![2] !== other![2]) throw new Error('lengths differ');
      return embed(10, undefined, 1)(new Map([...given, ['mask', given.get('ids')!]]));
    };
    const proof = await proofOf(double, { signature: { ...tokens, inputs }, run });
    assert.equal(proof.kind, 'accepted', proof.reason);
  });

  it('are strings and bool, compared exactly', async () => {
    const signature: Signature = {
      inputs: new Map([['x', { dtype: 'string', shape: [-1], tensorName: 'x' }]]),
      outputs: new Map([['y', { dtype: 'string', shape: [-1], tensorName: 'y' }]]),
      methodName: PREDICT_METHOD_NAME,
      batchAxis: { kind: 'dynamic' },
    };
    const run = (change: (all: readonly Uint8Array[]) => readonly Uint8Array[]) => async (inputs: TensorMap) => {
      const x = inputs.get('x')!;
      return new Map([['y', stringTensor(x.shape, change(x.data as readonly Uint8Array[]))]]);
    };
    assert.equal((await proofOf(double, { signature, run: run((all) => all) })).kind, 'accepted');
    const shared = run((all) => all.map((bytes) => (bytes.length < all[0]!.length ? all[0]! : bytes)));
    assert.equal((await proofOf(double, { signature, run: shared })).kind, 'rejected');
  });

  it('have their rows on the declared axes', async () => {
    const signature: Signature = {
      inputs: new Map([
        ['x', { dtype: 'float32', shape: [2, -1, 3], tensorName: 'x' }],
        ['rate', { dtype: 'float32', shape: [], tensorName: 'rate' }],
      ]),
      outputs: new Map([['y', { dtype: 'float32', shape: [2, -1, 3], tensorName: 'y' }]]),
      methodName: PREDICT_METHOD_NAME,
      batchAxis: { kind: 'dynamic' },
      batchAxes: new Map<string, number | 'same'>([
        ['x', 1],
        ['rate', 'same'],
        ['y', 1],
      ]),
    };
    const run =
      (reach: number) =>
      async (inputs: TensorMap): Promise<TensorMap> => {
        const x = inputs.get('x') as NumericTensor;
        const [rate] = elements(inputs.get('rate') as NumericTensor) as Float32Array;
        const numbers = elements(x) as Float32Array;
        return new Map([
          [
            'y',
            numericTensor(
              'float32',
              x.shape,
              numbers.map((v, i) => v * rate! + (numbers[i + reach] ?? 0)),
            ),
          ],
        ]);
      };
    assert.equal((await proofOf(double, { signature, run: run(0) })).kind, 'accepted');
    assert.equal((await proofOf(double, { signature, run: run(3) })).kind, 'rejected');
  });
});

it('integers that are sizes stay small: a wide range of them would take all memory', async () => {
  const spec = (dtype: 'int64' | 'float32', shape: readonly number[]): TensorSpec => ({ dtype, shape, tensorName: '' });
  const signature: Signature = {
    inputs: new Map([['sizes', spec('int64', [-1, 3])]]),
    outputs: new Map([['y', spec('float32', [-1, -1])]]),
    methodName: PREDICT_METHOD_NAME,
    batchAxis: { kind: 'dynamic' },
  };
  let largest = 0;
  const run = async (inputs: TensorMap, rows: number): Promise<TensorMap> => {
    const sizes = [...elements(inputs.get('sizes') as NumericTensor)].map(Number);
    largest = Math.max(largest, ...sizes);
    const columns = 1 + sizes.slice(0, 3).reduce((product, size) => product * size, 1);
    return new Map([['y', numericTensor('float32', [rows, columns], new Float32Array(rows * columns))]]);
  };
  const { kind } = await proveRows({ signature, run, maxRows: () => 64, isOnlyProof: true });
  assert.notEqual(kind, 'accepted');
  assert.ok(largest < 100, `${largest} was tried`);
});
