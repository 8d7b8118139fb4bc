/**
 * The codec thread gives what the event loop's codecs give: the same tensors, answers and errors, for bodies of every
 * kind, faulty ones included.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { ExamplesBodyReader } from '../../src/codec/json/json-examples.ts';
import { predictFormat, readInputs } from '../../src/codec/json/json-inputs.ts';
import { OutputsPrinter } from '../../src/codec/json/json-outputs.ts';
import { PredictBodyScanner } from '../../src/codec/json/predict-body.ts';
import { readExamplesRequest } from '../../src/codec/tensorflow/example-input-reader.ts';
import { readPredictRequest } from '../../src/codec/tensorflow/predict-reader.ts';
import { writePredictRequest, writePredictResponse } from '../../src/codec/tensorflow/predict-writer.ts';
import {
  copied,
  packStrings,
  receivedExamples,
  receivedTensors,
  unpackStrings,
} from '../../src/codec-thread/carried-tensors.ts';
import { CodecThread } from '../../src/codec-thread/codec-thread.ts';
import { CancelSignal } from '../../src/core/cancel.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { DType } from '../../src/core/dtype.ts';
import { ServingError } from '../../src/core/errors.ts';
import { atOnce, inSlices, joined } from '../../src/core/in-slices.ts';
import type { TensorSpec } from '../../src/core/signature.ts';
import type { Tensor, TensorMap } from '../../src/core/tensor.ts';
import { notTextAt } from '../../src/core/text.ts';
import { anyTensor } from '../support/tensor-arbitrary.ts';

const LIMIT = 2 ** 20;
const wanted = { cancel: new CancelSignal() };
const thread = new CodecThread(systemClock);
after(() => thread.close());

/** What comes of it, or the error, in a form that can be compared. */
async function outcomeOf(work: () => unknown): Promise<unknown> {
  try {
    return await work();
  } catch (error) {
    assert.ok(error instanceof ServingError, String(error));
    return { kind: error.kind, message: error.message };
  }
}

/** Tensors as plain values; what is known of their text is checked. */
function plain(tensors: TensorMap): unknown {
  return [...tensors].map(([name, tensor]) => {
    const { dtype, shape, data } = tensor;
    if (tensor.dtype !== 'string') return [name, dtype, shape, Buffer.from(data as Uint8Array).toString('hex')];
    if (tensor.notTextAt !== undefined) assert.equal(tensor.notTextAt, notTextAt(tensor.data));
    return [name, dtype, shape, hexOf(tensor.data)];
  });
}

function hexOf(strings: readonly Uint8Array[]): string[] {
  return strings.map((each) => Buffer.from(each).toString('hex'));
}

/** The body as a large one is: in memory of its own, which is given away. */
function given(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

const dtypes = ['float32', 'float64', 'float16', 'int8', 'int32', 'int64', 'uint64', 'bool', 'string'] as const;
const spec = (dtype: DType): TensorSpec => ({ dtype, shape: undefined, tensorName: 'x' });
const signatures = fc.record({
  inputs: fc
    .array(fc.tuple(fc.constantFrom('x', 'y', 'b64'), fc.constantFrom(...dtypes).map(spec)), { maxLength: 3 })
    .map((entries) => new Map(entries)),
  defaults: fc.option(fc.constantFrom(new Set(['x']), new Set(['y'])), { nil: undefined }),
});
const value = fc.letrec((tie) => ({
  leaf: fc.oneof(
    { weight: 4, arbitrary: fc.integer().map(String) },
    { weight: 4, arbitrary: fc.double().map(String) },
    fc.bigInt().map(String),
    fc.constantFrom('NaN', '-Infinity', 'null', 'true', 'false', '1e400', '{"b64":"YWI="}', '{"b64":"?"}', '"\\ud800"'),
    fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
  ),
  list: fc.array(tie('any'), { maxLength: 4 }).map((values) => `[${values.join(',')}]`),
  rows: fc.tuple(fc.nat(3), tie('leaf')).map(([count, each]) => `[${Array(count).fill(`[${each}]`).join(', ')}]`),
  object: fc
    .array(fc.tuple(fc.constantFrom('x', 'y', 'b64'), tie('any')), { maxLength: 3 })
    .map((members) => `{${members.map(([name, each]) => `"${name}": ${each}`).join(',')}}`),
  any: fc.oneof({ depthSize: 'small' }, tie('leaf'), tie('list'), tie('rows'), tie('object')),
})).any;
const key = fc.constantFrom('instances', 'inputs', 'signature_name', 'examples', 'context', 'other');
const body = fc
  .tuple(fc.array(fc.tuple(key, value), { maxLength: 3 }), fc.option(fc.nat(), { nil: undefined }))
  .map(([members, cut]) => {
    const text = `{${members.map(([name, each]) => `"${name}": ${each}`).join(', ')}}`;
    return Buffer.from(cut === undefined ? text : text.slice(0, cut % (text.length + 1)));
  });

const tensors = fc
  .array(fc.tuple(fc.constantFrom('', 'x', 'y_bytes'), anyTensor), { maxLength: 3 })
  .map((entries) => new Map<string, Tensor>(entries));
/** A message, or one with a byte changed. */
const message = fc
  .tuple(tensors, fc.option(fc.tuple(fc.nat(), fc.nat(255)), { nil: undefined }))
  .map(([inputs, change]) => {
    const bytes = writePredictRequest({ name: 'm' }, inputs, ['y']);
    if (change !== undefined) bytes[change[0] % bytes.length] = change[1];
    return bytes;
  });
const strings = fc
  .array(fc.tuple(fc.uint8Array({ maxLength: 5 }), fc.nat(3)), { maxLength: 20 })
  .map((runs) => runs.flatMap(([string, count]) => Array<Uint8Array>(count).fill(string)));

describe('the codec thread', () => {
  it('reads predict bodies as the event loop does', async () => {
    const scanner = new PredictBodyScanner();
    await fc.assert(
      fc.asyncProperty(body, signatures, async (bytes, signature) => {
        const here = await outcomeOf(() => {
          const scanned = scanner.scan(bytes);
          const { signatureName } = scanned;
          return [signatureName, predictFormat(scanned), plain(readInputs(scanner, scanned, signature))];
        });
        const there = await outcomeOf(() =>
          thread.use(wanted, async (ask) => {
            const outline = await ask('scanPredict', given(bytes));
            const format = predictFormat(outline);
            return [outline.signatureName, format, plain(await receivedTensors(await ask('readInputs', signature)))];
          }),
        );
        assert.deepEqual(there, here);
      }),
      { numRuns: 2000 },
    );
  });

  it('reads bodies of examples as the event loop does', async () => {
    const reader = new ExamplesBodyReader(LIMIT);
    await fc.assert(
      fc.asyncProperty(body, async (bytes) => {
        const here = await outcomeOf(() => {
          const { signatureName, examples } = reader.read(bytes, 'classify');
          return { signatureName, examples: hexOf(examples) };
        });
        const there = await outcomeOf(async () => {
          const asked = await thread.ask(wanted, 'readExamplesBody', given(bytes), 'classify', LIMIT);
          const { signatureName, examples } = await receivedExamples(asked);
          return { signatureName, examples: hexOf(examples) };
        });
        assert.deepEqual(there, here);
      }),
      { numRuns: 1000 },
    );
  });

  it('reads protobuf as the event loop does', async () => {
    await fc.assert(
      fc.asyncProperty(message, async (bytes) => {
        const here = await outcomeOf(() => {
          const { modelSpec, inputs, outputFilter } = readPredictRequest(bytes, LIMIT);
          return [{ ...modelSpec }, plain(inputs), outputFilter];
        });
        const there = await outcomeOf(async () => {
          const asked = await thread.ask(wanted, 'readPredict', given(bytes), LIMIT, undefined);
          return [asked.modelSpec, plain(await receivedTensors(asked.inputs)), asked.outputFilter];
        });
        assert.deepEqual(there, here);
        const examples = await outcomeOf(() => hexOf(readExamplesRequest(bytes, 'it', LIMIT).examples));
        const asked = await outcomeOf(async () => {
          const carried = await thread.ask(wanted, 'readExamples', given(bytes), 'it', LIMIT, undefined);
          return hexOf((await receivedExamples(carried)).examples);
        });
        assert.deepEqual(asked, examples);
      }),
      { numRuns: 1000 },
    );
  });

  it('writes answers as the event loop does, and leaves the outputs as they were', async () => {
    const printer = new OutputsPrinter();
    const model = { name: 'm', version: 3n, signatureName: 's' };
    await fc.assert(
      fc.asyncProperty(
        tensors,
        fc.constantFrom('row', 'columnar'),
        fc.boolean(),
        async (outputs, format, asContent) => {
          const before = plain(outputs);
          const text = await outcomeOf(() => printer.print(outputs, format, 0).toString('latin1'));
          const asked = await outcomeOf(async () => {
            const printed = await thread.ask(wanted, 'printOutputs', await inSlices(copied(outputs)), format, 0);
            return Buffer.from(printed).toString('latin1');
          });
          assert.deepEqual(asked, text);
          const carried = await inSlices(copied(outputs));
          const written = await thread.ask(wanted, 'writePredict', carried, model, asContent, 5);
          assert.deepEqual(
            Buffer.from(written).subarray(5),
            Buffer.from(writePredictResponse(model, outputs, asContent, 5)).subarray(5),
          );
          assert.deepEqual(plain(outputs), before);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('packed strings', () => {
  it('are the same strings again, and a repeated one takes its bytes once', () => {
    fc.assert(
      fc.property(strings, (list) => {
        const packed = atOnce(packStrings(list));
        assert.deepEqual(
          atOnce(unpackStrings(packed)).map((each) => [...each]),
          list.map((each) => [...each]),
        );
        const different = list.filter((each, i) => each !== list[i - 1]);
        assert.equal(
          packed.bytes.length,
          different.reduce((sum, each) => sum + each.length, 0),
        );
      }),
    );
  });
});

describe('work in slices', () => {
  it('joins pieces of every size, and lets others work in between', async () => {
    const large = Buffer.alloc(5 * 2 ** 20 + 7, 'some bytes');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(large.length), { maxLength: 6 }), async (places) => {
        const borders = [0, ...places.sort((a, b) => a - b), large.length];
        const pieces = borders.slice(1).map((end, i) => large.subarray(borders[i]!, end));
        let turns = 0;
        let isOver = false;
        const countTurn = (): void => {
          turns += 1;
          if (!isOver) setImmediate(countTurn);
        };
        setImmediate(countTurn);
        const whole = await inSlices(joined(pieces));
        isOver = true;
        assert.ok(whole.equals(large));
        // A step is of one to two MiB.
        assert.ok(turns >= 2, `${turns} turns`);
      }),
      { numRuns: 20 },
    );
  });
});
