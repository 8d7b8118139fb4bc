import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, test } from 'node:test';
import { type AnswerPiece, entriesOf, predictPieces } from '../../../../src/codec/json/answer-slices.ts';
import type { PredictFormat } from '../../../../src/codec/json/json-inputs.ts';
import { OutputsPrinter } from '../../../../src/codec/json/json-outputs.ts';
import type { InferAnswer } from '../../../../src/codec/open-inference/rest/infer-answer-writer.ts';
import { InferPrinter } from '../../../../src/codec/open-inference/rest/infer-answer-writer.ts';
import { inferPieces } from '../../../../src/codec/open-inference/rest/infer-slices.ts';
import { elementCount } from '../../../../src/core/shape.ts';
import { byteLengthOfAll, numericTensor, stringTensor, type Tensor } from '../../../../src/core/tensor.ts';

const printer = new OutputsPrinter();

/** What the pieces are together, and how many slices were among them. */
function joined(pieces: Iterable<AnswerPiece>): { readonly text: string; readonly slices: number } {
  let text = '';
  let slices = 0;
  for (const piece of pieces) {
    if (typeof piece === 'string') text += piece;
    else {
      slices += 1;
      assert.ok(byteLengthOfAll(piece.outputs) <= 600_000);
      text += Buffer.from(entriesOf(printer.print(piece.outputs, piece.format), piece)).toString('latin1');
    }
  }
  return { text, slices };
}

/** A name's characters may be escaped in two ways. Texts are compared, since comparing many small arrays takes seconds. */
const printedAgain = (json: string): string => JSON.stringify(JSON.parse(json));

const floats = (...shape: number[]): Tensor =>
  numericTensor(
    'float32',
    shape,
    Float32Array.from({ length: elementCount(shape) }, (_, i) => i / 7),
  );
const strings = (...shape: number[]): Tensor =>
  stringTensor(
    shape,
    Array.from({ length: elementCount(shape) }, (_, i) => Buffer.from(`"${i}"`.repeat(20))),
  );

const CASES: Readonly<Record<string, Readonly<Record<string, Tensor>>>> = {
  'many rows': { y: floats(3000, 100) },
  'one long row': { y: floats(1, 300_000) },
  'two long rows': { y: floats(2, 200_000) },
  'long rows of lists': { y: floats(2, 1000, 200) },
  'rows of several outputs': { 'a"\n': floats(3000, 100), b: strings(3000), c_bytes: strings(3000, 1) },
  'long rows of several outputs': { a: floats(2, 200_000), b: strings(2), c_bytes: strings(2, 5000) },
  'strings as bytes': { a_bytes: strings(20_000) },
  'lists of nothing': { y: floats(3, 0), z: floats(3, 2, 0) },
};

describe('a predict answer in slices is the same text as whole', () => {
  for (const [what, tensors] of Object.entries(CASES)) {
    for (const format of ['row', 'columnar'] as const satisfies readonly PredictFormat[]) {
      test(`${what}, ${format}`, () => {
        const outputs = new Map(Object.entries(tensors));
        const { text, slices } = joined(predictPieces(outputs, format, 0));
        const whole = printer.print(outputs, format).toString('latin1');
        assert.ok(text === whole || printedAgain(text) === printedAgain(whole));
        assert.ok(slices > 1 || what === 'lists of nothing');
      });
    }
  }

  test('one row of a model without rows, and a scalar', () => {
    const outputs = new Map([
      ['a', floats()],
      ['b', floats(200_000)],
    ]);
    const { text } = joined(predictPieces(outputs, 'row', 1));
    assert.equal(text, printer.print(outputs, 'row', 1).toString('latin1'));
  });

  test('what cannot be written is told before the first piece', () => {
    const outputs = new Map([
      ['a', floats(2)],
      ['b', floats(3)],
    ]);
    assert.throws(() => predictPieces(outputs, 'row', 0), { kind: 'invalid_request' });
  });
});

test('an infer answer in slices is the same text as whole', () => {
  const output = (name: string, tensor: Tensor) => ({ name, tensor, isBinary: false });
  const outputs = [output('y', floats(2, 200_000)), output('t_bytes', strings(3, 3000))];
  for (const id of ['', 'an "id"']) {
    const answer: InferAnswer = { id, model: 'm', version: '3', outputs };
    assert.equal(joined(inferPieces(answer)).text, new InferPrinter().print(answer).json.toString('latin1'));
  }
  const half = numericTensor('float16', [2], Uint16Array.of(1, 2));
  assert.throws(() => inferPieces({ id: '', model: 'm', version: '1', outputs: [output('h', half)] }), /FP16/);
});
