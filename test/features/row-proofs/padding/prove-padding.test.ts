import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LengthPadding, Signature } from '../../../../src/core/signature.ts';
import { elements, type NumericTensor, numericTensor, type TensorMap } from '../../../../src/core/tensor.ts';
import { paddingCandidate } from '../../../../src/features/row-proofs/padding/padding-candidate.ts';
import {
  type PaddingProof,
  type PaddingProofOptions,
  provePadding,
} from '../../../../src/features/row-proofs/padding/prove-padding.ts';
import { ProofEnded, ProofStopped } from '../../../../src/features/row-proofs/proof-runs.ts';
import { LENGTH_PADDING, LENGTH_SIGNATURE, runSequences, sequences } from '../../../support/length-models.ts';

type Run = PaddingProofOptions['run'];

const masked: Run = async (inputs) => runSequences(inputs);

function proofOf(run: Run, changes: Partial<PaddingProofOptions> = {}): Promise<PaddingProof> {
  return provePadding({
    signature: LENGTH_SIGNATURE,
    padding: LENGTH_PADDING,
    changes: [],
    longest: 300,
    run,
    ...changes,
  });
}

/** x float32 [batch, length] → y float32 [batch], of each row alone. */
const VECTOR: Signature = {
  ...LENGTH_SIGNATURE,
  inputs: new Map([['x', { dtype: 'float32', shape: [-1, -1], dimNames: ['batch', 'T'], tensorName: 'x' }]]),
  outputs: new Map([['y', { dtype: 'float32', shape: [-1], dimNames: ['batch'], tensorName: 'y' }]]),
};
const ZERO = new Map([['x', numericTensor('float32', [], new Float32Array(1))]]);

function vectors(of: (row: readonly number[]) => number): Partial<PaddingProofOptions> & { readonly run: Run } {
  const run: Run = async (inputs) => {
    const x = inputs.get('x') as NumericTensor;
    const [rows, length] = x.shape as [number, number];
    const values = Array.from(elements(x), Number);
    const y = Float32Array.from({ length: rows }, (_, i) => of(values.slice(i * length, (i + 1) * length)));
    return new Map([['y', numericTensor('float32', [rows], y)]]);
  };
  return { signature: VECTOR, padding: paddingCandidate(VECTOR, ZERO) as LengthPadding, run };
}

/** The same with int64. */
function integers(of: (row: readonly number[]) => number): Partial<PaddingProofOptions> & { readonly run: Run } {
  const { run, ...options } = vectors(of);
  const inputs = new Map([['x', { ...VECTOR.inputs.get('x')!, dtype: 'int64' as const }]]);
  const signature = { ...VECTOR, inputs };
  const asFloats: Run = async (given, rows) => {
    const x = given.get('x') as NumericTensor;
    return run(new Map([['x', numericTensor('float32', x.shape, Float32Array.from(elements(x), Number))]]), rows);
  };
  return { ...options, signature, padding: paddingCandidate(signature, new Map()) as LengthPadding, run: asFloats };
}

const sum = (row: readonly number[]): number => row.reduce((a, b) => a + b, 0);

describe('provePadding accepts', () => {
  it('a model that heeds its mask', async () => {
    const { kind, runs, most, reason } = await proofOf(masked);
    assert.deepEqual([kind, most, reason], ['accepted', 300, 'no row is longer']);
    assert.ok(runs < 250, `${runs} runs`);
  });

  it('a sum of numbers that are padded with 0', async () => {
    for (const { run, ...options } of [vectors(sum), integers(sum)]) {
      assert.equal((await proofOf(run, options)).kind, 'accepted');
    }
  });

  it('a model that refuses integers below 0', async () => {
    const { run, ...options } = integers((row) => {
      if (row.some((each) => each < 0)) throw new Error('index out of range');
      return Math.max(...row);
    });
    assert.equal((await proofOf(run, options)).kind, 'accepted');
  });

  it('a largest element where the padding is below all others', async () => {
    const { run, ...options } = vectors((row) => Math.max(...row));
    const lowest = new Map([['x', numericTensor('float32', [], Float32Array.of(-Infinity))]]);
    const padding = paddingCandidate(VECTOR, lowest) as LengthPadding;
    assert.equal((await proofOf(run, { ...options, padding })).kind, 'accepted');
  });

  it('a model of a fixed number of rows', async () => {
    for (const size of [1, 2]) {
      const run: Run = async (inputs, rows) => {
        assert.equal(rows, size);
        return masked(inputs, rows);
      };
      const signature: Signature = { ...LENGTH_SIGNATURE, batchAxis: { kind: 'fixed', size } };
      assert.equal((await proofOf(run, { signature })).kind, 'accepted');
    }
  });

  it('a model that takes some lengths only', async () => {
    const run: Run = async (inputs, rows) => {
      const length = inputs.get('ids')!.shape[1]!;
      if (length % 8 !== 0) throw new Error('lengths are multiples of 8');
      return masked(inputs, rows);
    };
    assert.equal((await proofOf(run)).kind, 'accepted');
  });

  it('a model that refuses rows longer than those that were recorded', async () => {
    const recorded = [sequences([new Array<number>(130).fill(1)])];
    const run: Run = async (inputs, rows) => {
      if (inputs.get('ids')!.shape[1]! > 130) throw new Error('too long');
      return masked(inputs, rows);
    };
    const { kind, most, reason } = await proofOf(run, { recorded, longest: undefined });
    assert.deepEqual([kind, most, reason], ['accepted', 130, 'the model takes no longer rows']);
  });
});

describe('provePadding rejects', () => {
  it('a model that ignores its mask', async () => {
    const { kind, reason } = await proofOf(async (inputs) => runSequences(inputs, { ignoresMask: true }));
    assert.equal(kind, 'rejected');
    assert.match(reason, /^output "(hidden|pooled)" of a row of length \d+ changes when it is padded to length \d+$/);
  });

  it('a mean, a last element, a count and a smallest of floats', async () => {
    const models = [
      (row: readonly number[]) => sum(row) / row.length,
      (row: readonly number[]) => row.at(-1)!,
      (row: readonly number[]) => sum(row) + row.length,
      (row: readonly number[]) => Math.min(...row.map(Math.abs)),
    ];
    for (const model of models) {
      const { run, ...options } = vectors(model);
      assert.equal((await proofOf(run, options)).kind, 'rejected');
    }
  });

  it('a largest and a smallest element, whatever lies beyond the padding in rows of any length', async () => {
    for (const model of [
      (row: readonly number[]) => Math.max(...row),
      (row: readonly number[]) => Math.min(...row),
      // A convolution whose bias is the answer for silence, and the most of its frames.
      (row: readonly number[]) => Math.max(...row.map((each) => Math.max(0, each + 0.5))),
    ]) {
      const { run, ...options } = vectors(model);
      assert.equal((await proofOf(run, options)).kind, 'rejected', String(model));
    }
  });

  it('a largest integer, which may be below 0', async () => {
    const { run, ...options } = integers((row) => Math.max(...row));
    assert.equal((await proofOf(run, options)).kind, 'rejected');
  });

  it('a difference of more than 1e-5 of the largest number', async () => {
    for (const [share, kind] of [
      [2e-4, 'rejected'],
      [1e-5, 'accepted'],
    ] as const) {
      const { run, ...options } = vectors((row) => sum(row) * (1 + (share * row.length) / 128));
      assert.equal((await proofOf(run, { ...options, longest: 129 })).kind, kind);
    }
  });

  it('rows that see how long their neighbours are', async () => {
    const { run, ...options } = vectors(sum);
    const seeing: Run = async (inputs, rows) => {
      const outputs = new Map(await run(inputs, rows));
      if (rows > 1) outputs.set('y', numericTensor('float32', [rows], new Float32Array(rows).fill(7)));
      return outputs;
    };
    assert.equal((await proofOf(seeing, options)).kind, 'rejected');
  });

  it('an output that has not the length that its name says', async () => {
    const run: Run = async (inputs) => {
      const outputs = new Map(runSequences(inputs));
      const [rows, length] = inputs.get('ids')!.shape as [number, number];
      outputs.set('hidden', numericTensor('float32', [rows, length + 1, 2], new Float32Array(rows * (length + 1) * 2)));
      return outputs;
    };
    const { kind, reason } = await proofOf(run);
    assert.deepEqual([kind, /so its dim 1 is not the length/.test(reason)], ['rejected', true]);
  });

  it('what only recorded requests show', async () => {
    const token = 123_456;
    const run: Run = async (inputs) => {
      const isIn = elements(inputs.get('ids') as NumericTensor).includes(BigInt(token) as never);
      return runSequences(inputs, { ignoresMask: isIn });
    };
    assert.equal((await proofOf(run)).kind, 'accepted');
    const { kind, reason } = await proofOf(run, { recorded: [sequences([[5, token, 7]])] });
    assert.equal(kind, 'rejected');
    assert.match(reason, /changes when it is padded to length 5/);
  });
});

describe('provePadding cannot decide', () => {
  it('where an output never varies', async () => {
    const { run, ...options } = vectors(() => 1);
    const { kind, reason } = await proofOf(run, options);
    assert.deepEqual([kind, reason], ['undecided', 'output "y" was the same for all inputs that were tried']);
  });

  it('where the model takes one length, or none', async () => {
    const run: Run = async (inputs) => {
      if (inputs.get('ids')!.shape[1] !== 16) throw new Error('length 16, please');
      return runSequences(inputs);
    };
    const { kind, reason } = await proofOf(run);
    assert.equal(kind, 'undecided');
    assert.match(reason, /takes random rows of 1 of the lengths that were tried: length 16, please/);
    const none = await proofOf(async () => Promise.reject(new Error('no')));
    assert.match(none.reason, /of 0 of the lengths/);
  });

  it('where the model refuses the value, which another load may not see', async () => {
    const value = numericTensor('int64', [], BigInt64Array.of(-1n));
    const padding = paddingCandidate(LENGTH_SIGNATURE, new Map([['ids', value]])) as LengthPadding;
    const run: Run = async (inputs) => {
      if (elements(inputs.get('ids') as NumericTensor).includes(-1n as never))
        throw new Error('index -1 out of range\nat …');
      return runSequences(inputs);
    };
    const { kind, reason } = await proofOf(run, { padding });
    assert.deepEqual([kind, reason], ['undecided', 'the model refuses padded rows: index -1 out of range']);
  });

  it('where no further run may follow', async () => {
    const { kind, reason } = await proofOf(async () => Promise.reject(new ProofStopped('no time')));
    assert.deepEqual([kind, reason], ['undecided', 'no time']);
    await assert.rejects(
      proofOf(async () => Promise.reject(new ProofEnded('unloaded'))),
      ProofEnded,
    );
  });
});

/** A masked model that adds the run's length to all that it gives, where `isLong` says so. */
function changing(isLong: (length: number) => boolean): Run {
  return async (inputs) => {
    const length = inputs.get('ids')!.shape[1]!;
    const outputs = new Map(runSequences(inputs));
    const pooled = outputs.get('pooled') as NumericTensor;
    const more = isLong(length) ? length / 100 : 0;
    const values = Float32Array.from(Array.from(elements(pooled), Number), (each) => each + more);
    return outputs.set('pooled', numericTensor('float32', pooled.shape, values));
  };
}

describe('A proof of padding goes up to a length', () => {
  it('and a model that changes beyond it is refused, by whichever length', async () => {
    for (const beyond of [16, 17, 33, 40, 65, 100, 129, 257, 298, 299]) {
      const proved: number[] = [];
      const { kind, most } = await proofOf(
        changing((length) => length > beyond),
        {
          onProved: (length) => proved.push(length),
        },
      );
      assert.deepEqual([kind, most], ['rejected', 0], `${beyond}`);
      assert.ok(
        proved.every((length) => length <= beyond),
        `${beyond}: ${proved}`,
      );
    }
  });

  it('which is told as it grows', async () => {
    const proved: number[] = [];
    await proofOf(masked, { onProved: (length) => proved.push(length) });
    assert.deepEqual(proved, [16, 17, 24, 33, 48, 65, 96, 129, 192, 257, 299, 300]);
  });

  it('and tries the lengths at which the arithmetic may change, with their neighbours', async () => {
    const run = changing((length) => length > 200 && length < 204);
    assert.equal((await proofOf(run)).kind, 'accepted');
    assert.equal((await proofOf(run, { changes: [201] })).kind, 'rejected');
    assert.equal((await proofOf(run, { changes: [204] })).kind, 'rejected');
  });

  it('and finds the longest rows that a model takes', async () => {
    const run: Run = async (inputs, rows) => {
      if (inputs.get('ids')!.shape[1]! > 77) throw new Error('too long');
      return masked(inputs, rows);
    };
    assert.equal((await proofOf(run, { longest: undefined })).most, 77);
    const atTheEnd: Run = async (inputs, rows) =>
      inputs.get('ids')!.shape[1]! > 77 ? run(inputs, rows) : changing((length) => length === 77)(inputs, rows);
    assert.equal((await proofOf(atTheEnd, { longest: undefined })).kind, 'rejected');
  });

  it('and goes on from that of an earlier start', async () => {
    const lengths: number[] = [];
    const run: Run = async (inputs, rows) => {
      if (rows > 1) lengths.push(inputs.get('ids')!.shape[1]!);
      return masked(inputs, rows);
    };
    const { kind, most } = await proofOf(run, { from: 129 });
    assert.deepEqual([kind, most], ['accepted', 300]);
    assert.deepEqual([...new Set(lengths)], [192, 257, 299, 300]);
  });

  it('and ends soon after that of the rows that come', async () => {
    const { kind, most, isWhole, reason } = await proofOf(masked, { longest: undefined, until: 70 });
    assert.deepEqual([kind, most, isWhole, reason], ['accepted', 96, false, 'longer rows have not come']);
    assert.equal((await proofOf(masked, { until: 300 })).isWhole, true);
  });

  it('and stays where it was when no further run may follow', async () => {
    const run: Run = async (inputs, rows) => {
      if (inputs.get('ids')!.shape[1]! > 65) throw new ProofStopped('no time');
      return masked(inputs, rows);
    };
    const { kind, most, reason } = await proofOf(run);
    assert.deepEqual([kind, most, reason], ['accepted', 65, 'no time']);
  });

  it('and has no more rows in a run than it may', async () => {
    const rows: number[] = [];
    const run: Run = async (inputs, count) => {
      rows.push(count);
      return masked(inputs, count);
    };
    assert.equal((await proofOf(run, { mostRows: () => 3 })).kind, 'accepted');
    assert.equal(Math.max(...rows), 3);
  });
});

describe('A proof of padding', () => {
  it('runs rows of several lengths, alone, padded and in company', async () => {
    const seen = new Set<string>();
    const run: Run = async (inputs: TensorMap) => {
      seen.add(JSON.stringify(inputs.get('ids')!.shape));
      return runSequences(inputs);
    };
    await proofOf(run);
    assert.ok(seen.has('[8,16]') && seen.has('[1,16]') && seen.has('[1,5]'), [...seen].join());
  });
});
