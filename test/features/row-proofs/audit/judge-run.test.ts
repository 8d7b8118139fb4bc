/** What audits make of the answers of models that mix rows, that round, and that fail now and then. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import type { BatchShare } from '../../../../src/core/executor.ts';
import type { Signature, TensorSpec } from '../../../../src/core/signature.ts';
import { elements, type NumericTensor, numericTensor, type TensorMap } from '../../../../src/core/tensor.ts';
import { padRows } from '../../../../src/scheduler/batch/pad-rows.ts';
import { LENGTH_PADDING, PADDED_SIGNATURE, runSequences, sequences } from '../../../support/length-models.ts';
import { type Rows, signatureOf } from '../../../support/row-models.ts';
import { AuditHarness, doubled, type HarnessInit, ofRows, type RunModel, rowsFrom } from './audit-harness.ts';

const clean = (x: Rows): Rows => x.map(doubled);

/** Adds `by` to the first number of the row at `place`, where there are more rows. */
function off(rows: Rows, place: number, by: number): Rows {
  if (rows.length === 1) return rows;
  return rows.map((row, i) => (i === place ? [row[0]! + by, ...row.slice(1)] : row));
}

const audited = async (init: HarnessInit) => {
  const h = new AuditHarness(init);
  return { h, result: await h.audited(() => [rowsFrom(3, 8), 8]) };
};

describe('an audit of a model that mixes rows', () => {
  const mean = (x: Rows): Rows => x.map((row) => row.map((v, j) => v + x.reduce((s, r) => s + r[j]!, 0) / x.length));

  it('finds a mean over the batch, a scale of the batch, and a row that is another', async () => {
    const scaled = (x: Rows): Rows => {
      const largest = Math.max(...x.flat().map(Math.abs));
      return x.map((row) => row.map((v) => Math.round((v / largest) * 127) * largest));
    };
    const second = (x: Rows): Rows => x.map(() => doubled(x[Math.min(1, x.length - 1)]!));
    for (const model of [mean, scaled, second]) {
      const { h, result } = await audited({ model: ofRows(model) });
      assert.equal(result, 'different', model.name);
      assert.equal(h.refuted[0]!.fault, 'rows');
    }
  });

  it('finds answers that depend on the number of rows', async () => {
    const { result } = await audited({ model: ofRows((x) => x.map((row) => row.map((v) => v + x.length))) });
    assert.equal(result, 'different');
  });

  it('finds one wrong row of each shared run, at one place and at any', async () => {
    for (const placeOf of [() => 2, (count: number) => count % 3]) {
      let runs = 0;
      const model = ofRows((x) => {
        runs += 1;
        return off(clean(x), placeOf(runs), 50 + runs);
      });
      const h = new AuditHarness({ model });
      for (let i = 0; i < 4 && h.refuted.length === 0; i++) await h.audited();
      assert.equal(h.refuted.length, 1);
    }
  });

  it('finds it where no row is another request’s: after some audits', async () => {
    const h = new AuditHarness({ model: ofRows((x) => off(clean(x), 0, 50)) });
    const alike = (): [TensorMap, number] => {
      const { x } = Object.fromEntries(rowsFrom(1, 1)) as { x: NumericTensor };
      const four = Float32Array.from([0, 1, 2, 3].flatMap(() => [...(elements(x) as Float32Array)]));
      return [new Map([['x', numericTensor('float32', [4, 4], four)]]), 4];
    };
    for (let i = 0; i < 5; i++) assert.equal(await h.audited(alike), 'transient');
    assert.equal(h.refuted.length, 0);
    assert.equal(await h.audited(alike), 'different');
  });

  it('finds it in NaN, in strings, and in outputs of another shape', async () => {
    const nan = ofRows((x) => off(clean(x), 1, Number.NaN));
    assert.equal((await audited({ model: nan })).result, 'different');
    const wide: RunModel = (inputs) => {
      const rows = inputs.get('x')!.shape[0]!;
      return new Map([['y', numericTensor('float32', [rows, rows], new Float32Array(rows * rows).fill(1))]]);
    };
    const { h, result } = await audited({ model: wide });
    assert.deepEqual([result, h.refuted[0]!.suspect.share], ['different', Infinity]);
    const first: RunModel = (inputs) => new Map([['y', textsOf(inputs, (texts) => texts.map(() => texts[0]!))]]);
    assert.equal((await textAudit(first)).result, 'different');
  });
});

describe('an audit of a model that keeps rows apart', () => {
  it('takes NaN for NaN, and an infinity for itself', async () => {
    const model = ofRows((x) => x.map(([a, b]) => [Number.NaN, Infinity, a!, b!]));
    assert.equal((await audited({ model })).result, 'same');
  });

  it('reads strings', async () => {
    const model: RunModel = (inputs) => new Map([['y', textsOf(inputs, (texts) => texts.map((text) => `${text}!`))]]);
    assert.equal((await textAudit(model)).result, 'same');
  });

  it('allows the rounding of another batch size', async () => {
    const model = ofRows((x) => clean(x).map((row) => row.map((v) => v * (1 + 1e-4 * x.length))));
    const { h, result } = await audited({ model });
    assert.equal(result, 'same');
    assert.ok(h.asked.every(({ size }) => size === 1 || size === 8));
  });

  it('allows steps of an int8 quantization that only some rows take at another batch size', async () => {
    /** A number that is near the edge between two steps falls on the other side. */
    const model = ofRows((x) => x.map((row) => row.map((v) => Math.round(v * 30 + (x.length > 1 ? 0.02 : 0)) / 30)));
    const h = new AuditHarness({ model });
    let seed = 0;
    for (let i = 0; i < 40; i++) assert.equal(await h.audited(() => [rowsFrom(seed++, 16), 16]), 'same');
    assert.ok(
      h.asked.some(({ size }) => size === 16),
      'no row has taken a step',
    );
  });

  it('allows a tie of two scores to end otherwise in a batch', async () => {
    // The row whose first two numbers are equal.
    const label = ([a, b]: readonly number[], rows: number): number[] => [a! + (rows > 1 ? 1e-9 : 0) > b! ? 7 : 1];
    const h = new AuditHarness({ model: ofRows((x) => x.map((row) => label(row, x.length))) });
    const tied = (): [TensorMap, number] => {
      const rows = [...(elements(rowsFrom(2, 4).get('x') as NumericTensor) as Float32Array)];
      rows[1] = rows[0]!;
      return [new Map([['x', numericTensor('float32', [4, 4], Float32Array.from(rows))]]), 4];
    };
    assert.equal(await h.audited(tied), 'same');
    assert.ok(h.asked.some(({ size }) => size === 4));
  });

  it('leaves a model alone whose answers are others each time', async () => {
    let count = 0;
    const { h, result } = await audited({ model: ofRows((x) => x.map((row) => row.map((v) => v + count++))) });
    assert.deepEqual([result, h.unsteady, h.refuted], ['unsteady', ['s'], []]);
    await h.shareRuns(2000);
    await h.settle();
    assert.deepEqual(h.results, ['unsteady']);
  });

  it('counts a fault that has passed, and takes a second one for no chance', async () => {
    let isFaulty = true;
    // Only runs of requests are hit.
    const model = ofRows((x, { origin }) => (isFaulty && origin !== undefined ? off(clean(x), 1, 20) : clean(x)));
    const { h, result } = await audited({ model });
    assert.deepEqual([result, h.transients.length, h.refuted.length], ['transient', 1, 0]);
    isFaulty = false;
    assert.equal(await h.audited(), 'same');
    isFaulty = true;
    assert.equal(await h.audited(), 'transient');
    assert.deepEqual(
      h.refuted.map(({ fault }) => fault),
      ['rows'],
    );
  });

  it('does not hold small ones against it: they may be rounding', async () => {
    const model = ofRows((x, { origin }) => (origin === undefined ? clean(x) : off(clean(x), 1, 0.05)));
    const h = new AuditHarness({ model });
    for (let i = 0; i < 4; i++) assert.equal(await h.audited(), 'transient');
    assert.equal(h.refuted.length, 0);
  });

  it('counts a run that fails after all', async () => {
    const model = ofRows((x, { origin, size }) => {
      if (origin !== undefined) return off(clean(x), 1, 20);
      if (size > 1) throw new ServingError('worker_lost', 'it died');
      return clean(x);
    });
    assert.equal((await audited({ model })).result, 'failed');
  });
});

describe('an audit of a fixed batch', () => {
  it('runs a row in the company of its copies, and compares no filler', async () => {
    const signature = signatureOf({ kind: 'fixed', size: 8 }, 'float32', [8, 4]);
    const model = ofRows((x, { origin }) => (origin === undefined ? clean(x) : off(clean(x), 6, 99)));
    const h = new AuditHarness({ signature, model });
    const five: BatchShare[] = [2, 3].map((rows) => ({ rows, unpadded: undefined }));
    assert.equal(await h.audited(() => [rowsFrom(1, 8), 8, five]), 'same');
    assert.deepEqual(
      h.asked.map(({ size }) => size),
      new Array(5).fill(8),
    );
  });

  it('finds rows that reach each other', async () => {
    const signature = signatureOf({ kind: 'fixed', size: 8 }, 'float32', [8, 4]);
    const h = new AuditHarness({ signature, model: ofRows((x) => clean(x).map((_, i) => doubled(x.at(i - 1)!))) });
    assert.equal(await h.audited(() => [rowsFrom(1, 8), 8]), 'different');
  });
});

describe('an audit of other batch axes', () => {
  const spec = (shape: readonly number[]): TensorSpec => ({ dtype: 'float32', shape, tensorName: 't' });
  const signature: Signature = {
    ...signatureOf(),
    inputs: new Map([
      ['x', spec([2, -1])],
      ['scale', spec([1])],
    ]),
    outputs: new Map([['y', spec([2, -1])]]),
    batchAxes: new Map<string, number | 'same'>([
      ['x', 1],
      ['scale', 'same'],
      ['y', 1],
    ]),
  };
  const inputs = (): TensorMap =>
    new Map([
      ['x', numericTensor('float32', [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6))],
      ['scale', numericTensor('float32', [1], Float32Array.of(10))],
    ]);
  const model =
    (reaches: boolean): RunModel =>
    (given) => {
      const x = given.get('x') as NumericTensor;
      const scale = (elements(given.get('scale') as NumericTensor) as Float32Array)[0]!;
      const values = elements(x) as Float32Array;
      const columns = x.shape[1]!;
      const from = (i: number): number => (reaches ? i - (i % columns) : i);
      return new Map([
        [
          'y',
          numericTensor(
            'float32',
            x.shape,
            values.map((_, i) => values[from(i)]! * scale),
          ),
        ],
      ]);
    };

  it('takes rows along them, with the inputs that all requests share', async () => {
    const h = new AuditHarness({ signature, model: model(false) });
    assert.equal(await h.audited(() => [inputs(), 3]), 'same');
    assert.deepEqual(
      h.asked.map((batch) => [batch.inputs.get('x')!.shape, batch.inputs.get('scale')!.shape]),
      new Array(3).fill([[2, 1], [1]]),
    );
    const mixing = new AuditHarness({ signature, model: model(true) });
    assert.equal(await mixing.audited(() => [inputs(), 3]), 'different');
  });
});

describe('an audit of padded rows', () => {
  const rowsOf = (...lengths: readonly number[]): [TensorMap, number, BatchShare[]] => {
    const length = Math.max(...lengths);
    const own = lengths.map((each, i) => sequences([Array.from({ length: each }, (_, j) => 3 * i + 2 * j + 1)]));
    const padded = padRows(
      own.map((given) => ({ rows: 1, inputs: given })),
      { padding: LENGTH_PADDING, length },
    );
    const values = (name: string): bigint[] =>
      padded.flatMap((share) => [...(elements(share.inputs.get(name) as NumericTensor) as BigInt64Array)]);
    const tensor = (name: string) => numericTensor('int64', [lengths.length, length], BigInt64Array.from(values(name)));
    const shares = lengths.map((each) => ({ rows: 1, unpadded: each === length ? undefined : each }));
    return [new Map(['ids', 'mask'].map((name) => [name, tensor(name)])), lengths.length, shares];
  };
  const auditedOf = async (model: RunModel, ...lengths: readonly number[]) => {
    const h = new AuditHarness({ signature: PADDED_SIGNATURE, model });
    return { h, result: await h.audited(() => rowsOf(...lengths)) };
  };

  it('runs each with its own length, and cuts the answers back', async () => {
    const { h, result } = await auditedOf((inputs) => runSequences(inputs), 3, 5, 2);
    assert.equal(result, 'same');
    assert.deepEqual(
      h.asked.map(({ inputs }) => inputs.get('ids')!.shape),
      [
        [1, 3],
        [1, 5],
        [1, 2],
      ],
    );
  });

  it('finds that padding changes answers, and lets rows of one length be', async () => {
    const { h, result } = await auditedOf((inputs) => runSequences(inputs, { ignoresMask: true }), 3, 5, 2, 4);
    assert.equal(result, 'different');
    const [{ fault, suspect }] = h.refuted as [(typeof h.refuted)[0]];
    assert.equal(fault, 'padding');
    assert.match(suspect.shapes, /^ids \[1,[234]\], mask \[1,[234]\]$/);
    assert.equal(suspect.companion, 'ids [1,5], mask [1,5]');
  });

  /** Adds to the answers of a run of which `isHit`. */
  const hit =
    (isHit: (inputs: TensorMap) => boolean): RunModel =>
    (inputs) => {
      const outputs = runSequences(inputs);
      if (!isHit(inputs)) return outputs;
      const pooled = outputs.get('pooled') as NumericTensor;
      const moved = numericTensor(
        'float32',
        pooled.shape,
        (elements(pooled) as Float32Array).map((v) => v + 3),
      );
      return new Map([...outputs, ['pooled', moved]]);
    };
  const tokens = (inputs: TensorMap): readonly string[] => {
    const ids = inputs.get('ids') as NumericTensor;
    const [rows, length] = ids.shape as [number, number];
    const values = [...(elements(ids) as BigInt64Array)];
    return Array.from({ length: rows }, (_, i) => values.slice(i * length, (i + 1) * length).join());
  };
  const hasOthers = (inputs: TensorMap): boolean => new Set(tokens(inputs)).size > 1;
  const hasPadding = (inputs: TensorMap): boolean => tokens(inputs).some((row) => row.endsWith(',0'));

  it('finds rows that reach each other, whatever their length', async () => {
    const { h, result } = await auditedOf(hit(hasOthers), 3, 5, 5, 4);
    assert.deepEqual([result, h.refuted[0]!.fault], ['different', 'rows']);
  });

  it('finds that only rows of other lengths reach each other', async () => {
    const { h, result } = await auditedOf(
      hit((inputs) => hasOthers(inputs) && hasPadding(inputs)),
      5,
      5,
      5,
      3,
    );
    assert.deepEqual([result, h.refuted[0]!.fault], ['different', 'padding']);
  });

  it('cannot tell which it is where all other rows are shorter', async () => {
    const { h, result } = await auditedOf(
      hit((inputs) => hasOthers(inputs)),
      5,
      3,
    );
    assert.equal(result, 'different');
    assert.ok(['either', 'rows'].includes(h.refuted[0]!.fault));
  });

  it('allows small changes by padding that not every row shows', async () => {
    const tiny: RunModel = (inputs) => {
      const outputs = runSequences(inputs);
      const pooled = outputs.get('pooled') as NumericTensor;
      const rows = tokens(inputs);
      const values = (elements(pooled) as Float32Array).map((v, i) =>
        rows[Math.floor(i / 2)]!.endsWith(',0,0') ? v + 0.01 : v,
      );
      return new Map([...outputs, ['pooled', numericTensor('float32', pooled.shape, values)]]);
    };
    const { h, result } = await auditedOf(tiny, 5, 3, 4, 4);
    assert.deepEqual([result, h.refuted], ['same', []]);
  });
});

const TEXT: TensorSpec = { dtype: 'string', shape: [-1], tensorName: 't' };

function textsOf(inputs: TensorMap, change: (texts: readonly string[]) => readonly string[]) {
  const texts = (inputs.get('x')!.data as readonly Uint8Array[]).map((bytes) => Buffer.from(bytes).toString());
  const data = change(texts).map((text) => Buffer.from(text));
  return { dtype: 'string' as const, shape: [data.length], data };
}

async function textAudit(model: RunModel) {
  const signature = { ...signatureOf(), inputs: new Map([['x', TEXT]]), outputs: new Map([['y', TEXT]]) };
  const h = new AuditHarness({ signature, model });
  const inputs = (): TensorMap =>
    new Map([['x', { dtype: 'string', shape: [3], data: ['a', 'bc', ''].map((text) => Buffer.from(text)) }]]);
  return { h, result: await h.audited(() => [inputs(), 3]) };
}
