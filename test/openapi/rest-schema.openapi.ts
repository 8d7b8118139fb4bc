/**
 * /openapi.json against a real sidecar, by programs of others: it is OpenAPI 3.1, and what it says is so. schemathesis makes
 * requests from it, right ones and wrong ones, and no answer may be one that it does not have. `npm test -- openapi`.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, afterEach, it } from 'node:test';
import { promisify } from 'node:util';
import type { DType } from '../../src/core/dtype.ts';
import { onnxModel } from '../support/onnx-model.ts';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';

/** By their names in the protocol; ONNX Runtime has no BF16. */
const KINDS: Readonly<Record<string, DType>> = {
  bool: 'bool',
  int8: 'int8',
  int16: 'int16',
  int32: 'int32',
  int64: 'int64',
  uint8: 'uint8',
  uint16: 'uint16',
  uint32: 'uint32',
  uint64: 'uint64',
  fp16: 'float16',
  fp32: 'float32',
  fp64: 'float64',
  bytes: 'string',
};
const EXAMPLES = Number(process.env['PILLION_OPENAPI_EXAMPLES'] ?? 30);
const REPOSITORY = '^/v2/repository/models/';

const directory = mkdtempSync(join(tmpdir(), 'openapi-'));

afterEach(killSidecars);
after(() => rmSync(directory, { recursive: true }));

/** A model that gives back what it gets, of every dtype. */
function kinds(): string {
  const dims = ['rows', 2];
  const entries = Object.entries(KINDS);
  const model = onnxModel({
    inputs: entries.map(([name, dtype]) => ({ name, dtype, dims })),
    outputs: entries.map(([name, dtype]) => ({ name: `${name}_out`, dtype, dims })),
    nodes: entries.map(([name]) => ({ op: 'Identity', inputs: [name], outputs: [`${name}_out`] })),
  });
  mkdirSync(join(directory, 'kinds', '1'), { recursive: true });
  writeFileSync(join(directory, 'kinds', '1', 'model.onnx'), model);
  return `--model=kinds=${join(directory, 'kinds')}`;
}

async function python(...words: readonly string[]): Promise<string> {
  const program = process.env['PILLION_OPENAPI_PYTHON'];
  assert.ok(program, 'PILLION_OPENAPI_PYTHON names the environment of test/openapi/requirements.txt; npm test sets it');
  try {
    const { stdout } = await promisify(execFile)(program, words, { cwd: directory, maxBuffer: 2 ** 26 });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    assert.fail(`${words.join(' ')}:\n${stdout}\n${stderr}`);
  }
}

async function serve(...flags: readonly string[]): Promise<Sidecar> {
  const sidecar = await startSidecar([kinds(), ...flags]);
  await sidecar.line(({ state }) => state === 'AVAILABLE');
  return sidecar;
}

/** All checks but those that schemathesis.toml takes out. */
async function schemathesis({ rest }: Sidecar, ...options: readonly string[]): Promise<void> {
  const words = ['-m', 'schemathesis.cli', '--config-file', join(process.cwd(), 'test/openapi/schemathesis.toml')];
  const run = [
    'run',
    `${rest}/openapi.json`,
    `--max-examples=${EXAMPLES}`,
    '--suppress-health-check=all',
    '--warnings=off',
  ];
  const out = await python(...words, ...run, '--phases=examples,coverage,fuzzing', '--continue-on-failure', ...options);
  assert.match(out, /No issues found/);
}

it('is OpenAPI 3.1', async () => {
  const sidecar = await serve();
  const file = join(directory, 'openapi.json');
  writeFileSync(file, await (await fetch(`${sidecar.rest}/openapi.json`)).text());
  assert.match(await python('-m', 'openapi_spec_validator', '--schema', '3.1', file), /OK/);
});

it('has every answer to requests that are right, and they hold the same bits', async () => {
  const sidecar = await serve();
  const out = await python(join(process.cwd(), 'test/openapi/valid_requests.py'), sidecar.rest);
  assert.equal(out.match(/as described/g)?.length, 4);
});

it('has every answer to requests that are made of it, and wrong ones are refused', async () => {
  const sidecar = await serve();
  await schemathesis(sidecar, `--exclude-path-regex=${REPOSITORY}`);
  assert.equal(await sidecar.stop(), 0);
});

it('has every answer of loads and unloads, where callers may ask for them', async () => {
  const sidecar = await serve('--model_control_mode=explicit');
  await schemathesis(sidecar, `--include-path-regex=${REPOSITORY}`);
});
