/**
 * The fake backend, whose runs go wrong once a file is there: one row of each run of several rows is a little more. The
 * file's path stands in SPOILED_BY beside the model. It is right while its version loads, so its rows are proved.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend, RunSync } from '../../src/backends/backend.ts';
import { elements, numericTensor, type TensorMap } from '../../src/core/tensor.ts';
import { backend as fake } from './fake-backend.ts';

export const SPOILED_BY = 'spoiled-by.txt';
/** Added to every number of the row. */
export const SPOILT = 20;

export const backend: Backend = {
  ...fake,
  kind: 'spoiled',
  async load(versionDirectory, options) {
    const session = await fake.load(versionDirectory, options);
    const path = await readFile(join(versionDirectory, SPOILED_BY), 'utf8');
    let runs = 0;
    const runSync: RunSync = (signatureName, inputs, outputs, runOptions) => {
      const answers = session.runSync!(signatureName, inputs, outputs, runOptions);
      return existsSync(path) ? spoiled(answers, runs++) : answers;
    };
    return {
      signatures: session.signatures,
      run: async (...args) => runSync(...args),
      runSync,
      close: () => session.close(),
    };
  },
};

function spoiled(outputs: TensorMap, run: number): TensorMap {
  return new Map(
    [...outputs].map(([name, tensor]) => {
      const rows = tensor.shape[0] ?? 1;
      if (tensor.dtype !== 'float32' || rows < 2) return [name, tensor];
      const perRow = tensor.data.length / 4 / rows;
      const wrong = run % rows;
      const values = (elements(tensor) as Float32Array).map((value, i) =>
        Math.floor(i / perRow) === wrong ? value + SPOILT : value,
      );
      return [name, numericTensor('float32', tensor.shape, values)];
    }),
  );
}
