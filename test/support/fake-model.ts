/** A model directory of the fake backend, for tests of what hosts do with a session that misbehaves. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { siblingModule } from '../../src/backends/host/sibling-module.ts';
import type { Batch } from '../../src/core/executor.ts';
import { elements, type NumericTensor, numericTensor, type TensorMap } from '../../src/core/tensor.ts';
import { FAKE_FILE, type FakeFault, type FakeModel } from './fake-backend.ts';
import { tempDirectory } from './temp-directory.ts';

/** The first number of a batch that asks for the effect. */
export const WHEN: Readonly<Record<FakeFault['effect'], number>> = {
  fail: 101,
  throw: 102,
  forget: 103,
  exit: 104,
  dawdle: 105,
  hang: 106,
  grow: 107,
  print: 108,
  trace: 109,
  moan: 110,
  threads: 111,
  tarry: 112,
  abort: 1_000_113,
};

/** y = x / 2 + 2 for x of [rows]. */
const MODEL: FakeModel = {
  signatures: {
    serving_default: {
      inputs: { x: { dtype: 'float32', shape: [-1] } },
      outputs: { y: { copyOf: 'x', scale: 0.5, offset: 2 } },
      batchAxis: { kind: 'dynamic' },
    },
  },
  faults: Object.entries(WHEN).map(([effect, whenFirstIs]) => ({ effect, whenFirstIs }) as FakeFault),
};

/** Writes the model, changed as told, and returns what a host needs to load it. */
export function fakeModel(t: TestContext, changes: Partial<FakeModel> = {}) {
  const versionDirectory = tempDirectory(t);
  writeFileSync(join(versionDirectory, FAKE_FILE), JSON.stringify({ ...MODEL, ...changes }));
  return {
    model: 'm',
    versionDirectory,
    backendModule: siblingModule(import.meta.url, './fake-backend').href,
    loadOptions: { intraOpThreads: 1, executionProvider: 'cpu' },
  };
}

/** The loads of `fakeModel` that begin from now on last until nobody needs them. */
export function holdLoads(versionDirectory: string): void {
  writeFileSync(join(versionDirectory, FAKE_FILE), JSON.stringify({ ...MODEL, loadsForever: true }));
}

/** `--model` for a fake model in a directory of its own. */
export function fakeModelFlag(
  t: TestContext,
  name: string,
  keys: string,
  backend = 'fake-backend',
  changes: Partial<FakeModel> = {},
): string {
  const { versionDirectory, backendModule } = fakeModel(t, changes);
  const base = tempDirectory(t);
  renameSync(versionDirectory, join(base, '1'));
  return `--model=${name}=${base},backend=${backendModule.replace('fake-backend', backend)}${keys}`;
}

export function batchOf(...values: number[]): Batch {
  const x = numericTensor('float32', [values.length], new Float32Array(values));
  return {
    signatureName: 'serving_default',
    inputs: new Map([['x', x]]),
    outputs: ['y'],
    size: values.length,
    deadline: Infinity,
  };
}

export function yOf({ outputs }: { readonly outputs: TensorMap }): number[] {
  return [...elements(outputs.get('y') as NumericTensor)] as number[];
}
