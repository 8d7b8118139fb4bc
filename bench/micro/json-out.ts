/**
 * A softmax's float32 tensor → the bytes of a predict answer, beside JSON.stringify of the same numbers in lists. Its
 * text is longer: it writes a float32 with the digits of a double.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { OutputsPrinter } from '../../src/codec/json/json-outputs.ts';
import { numericTensor } from '../../src/core/tensor.ts';
import { type Comparison, runSubject } from './interleave.ts';

const printer = new OutputsPrinter();

function comparison(rows: number, columns: number): Comparison {
  const powers = Float32Array.from({ length: rows * columns }, (_, i) => Math.exp(3 * Math.sin(i)));
  const sum = powers.reduce((a, b) => a + b, 0);
  const floats = powers.map((power) => power / sum);
  const outputs = new Map([['y', numericTensor('float32', [rows, columns], floats)]]);
  return {
    title: `${rows} × ${columns} floats`,
    contestants: {
      Pillion: () => printer.print(outputs, 'row'),
      'JSON.stringify': () => {
        const predictions: number[][] = [];
        for (let row = 0; row < rows; row++) {
          predictions.push(Array.from(floats.subarray(row * columns, (row + 1) * columns)));
        }
        return Buffer.from(JSON.stringify({ predictions }));
      },
    },
    check: (call) => {
      const { predictions } = JSON.parse(String(call())) as { predictions: number[][] };
      assert.equal(predictions.length, rows);
      assert.deepEqual(Float32Array.from(predictions.flat()), floats);
    },
  };
}

await runSubject([comparison(1, 10), comparison(1, 1000), comparison(32, 10)]);
