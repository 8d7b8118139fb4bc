/** The backend suite of the onnx package, as test/zoo/onnx_suite.py has unpacked it, and a sidecar that serves it. */
import { Buffer } from 'node:buffer';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import type { ModelReport, ModelsReport } from '../../src/admin/models-report.ts';
import { siblingModule } from '../../src/backends/host/sibling-module.ts';
import type { DType } from '../../src/core/dtype.ts';
import type { Tensor, TensorMap } from '../../src/core/tensor.ts';
import { type Sidecar, startSidecar } from '../support/sidecar.ts';
import { WIDE_LIMITS } from './callers.ts';

/** Where scripts/lib/suites.mjs has put it. */
const SUITE = process.env['PILLION_TEST_ONNX_SUITE']!;
const BACKEND = siblingModule(import.meta.url, './inline-onnx-backend').pathname;
const LOOK_AGAIN_MS = 500;

export interface SuiteCase {
  readonly name: string;
  /** One map of inputs for each of its data sets; undefined with `unread`. */
  readonly sets: readonly TensorMap[];
  /** Why its inputs cannot be read here: types that the server lacks as well. */
  readonly unread?: string;
}

interface CaseText {
  readonly name: string;
  readonly unread?: string;
  readonly sets?: readonly (readonly {
    readonly name: string;
    readonly dtype: DType;
    readonly shape: readonly number[];
    readonly data: string | readonly string[];
  }[])[];
}

export function readCases(): readonly SuiteCase[] {
  const texts = JSON.parse(readFileSync(join(SUITE, 'cases.json'), 'utf8')) as readonly CaseText[];
  return texts.map(({ sets = [], ...rest }) => ({
    ...rest,
    sets: sets.map((set) => new Map(set.map(({ name, dtype, shape, data }) => [name, tensorOf(dtype, shape, data)]))),
  }));
}

function tensorOf(dtype: DType, shape: readonly number[], data: string | readonly string[]): Tensor {
  if (dtype === 'string') return { dtype, shape, data: (data as readonly string[]).map((text) => Buffer.from(text)) };
  return { dtype, shape, data: new Uint8Array(Buffer.from(data as string, 'base64')) };
}

export type Variant = 'first' | 'rows';

export function modelFile(variant: Variant, name: string): string {
  return join(SUITE, variant, name, '1', 'model.onnx');
}

/** A sidecar that has tried to load all of them; what became of each. */
export async function serveAll(
  variant: Variant,
  names: readonly string[],
  directory: string,
): Promise<{ readonly sidecar: Sidecar; readonly models: readonly ModelReport[] }> {
  const config = join(directory, 'pillion.yaml');
  // A model that cannot be loaded would end the start, and only fails a reload.
  writeFileSync(config, 'models: []\n');
  const sidecar = await startSidecar([
    `--config=${config}`,
    '--enable_model_warmup=false',
    '--max_num_load_retries=0',
    '--file_system_poll_wait_seconds=0',
    // Runs of microseconds would be over before the next request is read.
    '--batch_timeout_micros=2000',
    ...WIDE_LIMITS,
  ]);
  const lines = names.map((name) => {
    const basePath = join(SUITE, variant, name);
    return `  - ${JSON.stringify({ name, base_path: basePath, backend: BACKEND, breaker: 'off' })}\n`;
  });
  writeFileSync(config, `models:\n${lines.join('')}`);
  sidecar.process.kill('SIGHUP');
  for (;;) {
    await delay(LOOK_AGAIN_MS);
    // A connection that was kept may end while so many models load.
    const headers = { connection: 'close' };
    const { models } = (await (await fetch(`${sidecar.admin}/models`, { headers })).json()) as ModelsReport;
    const isSettled = ({ versions: [version] }: ModelReport): boolean =>
      version?.state === 'AVAILABLE' || version?.state === 'END';
    if (models.length === names.length && models.every(isSettled)) return { sidecar, models };
  }
}
