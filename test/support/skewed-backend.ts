/** The fake backend with a small offset on `y`, like a second runtime. A first input of 200 ends its worker. */
import process from 'node:process';
import type { Backend, RunSync } from '../../src/backends/backend.ts';
import { elements, numericTensor, type TensorMap } from '../../src/core/tensor.ts';
import { backend as fake } from './fake-backend.ts';

export const SKEW = 0.25;
export const ENDS_WORKER = 200;

export const backend: Backend = {
  ...fake,
  kind: 'skewed',
  async load(versionDirectory, options) {
    const session = await fake.load(versionDirectory, options);
    const runSync: RunSync = (signatureName, inputs, outputs, runOptions) => {
      const [first] = inputs.values();
      if (first?.dtype === 'float32' && elements(first)[0] === ENDS_WORKER) process.exit(7);
      return skewed(session.runSync!(signatureName, inputs, outputs, runOptions));
    };
    return {
      signatures: session.signatures,
      run: async (...args) => runSync(...args),
      runSync,
      close: () => session.close(),
    };
  },
};

function skewed(outputs: TensorMap): TensorMap {
  return new Map(
    [...outputs].map(([name, tensor]) => {
      if (tensor.dtype !== 'float32') return [name, tensor];
      const values = elements(tensor) as Float32Array;
      return [
        name,
        numericTensor(
          'float32',
          tensor.shape,
          values.map((value) => value + SKEW),
        ),
      ];
    }),
  );
}
