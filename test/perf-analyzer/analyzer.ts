/** Runs perf_analyzer, and writes the files with the answers that it must get. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { DigitAnswers } from '../support/digit-answers.ts';
import type { Sidecar } from '../support/sidecar.ts';
import { writeSurfaceModels } from '../support/surface-models.ts';

/**
 * Three windows of time, of which it asks no more than that they tell of answers. Not --request-count: it loses an answer
 * that comes before it begins to count, and then waits for that one without end.
 */
const SHORT = ['--measurement-interval', '250', '--stability-percentage', '999'];
const TIMEOUT_MS = 60_000;
const ROWS = 16;

/** Asked by one caller at a time: in company the runtime's arithmetic may end in other bits. */
export const DIGITS = ['digits', 'digits_tfjs'];
/** Their arithmetic is exact, so that rows have the same bits in any company: a row that went astray is seen. */
export const EXACT = ['affine', 'halves'];

/** Of `pillion serve`, beside the digits': those of EXACT, and one whose requests may have any number of rows. */
export function exactModels(directory: string): readonly string[] {
  return [
    ...writeSurfaceModels(directory, ['affine']),
    '--model=halves=test/fixtures/tfjs/half_plus_two',
    '--model=half_plus_two=examples/half_plus_two/models/half_plus_two',
  ];
}

type Tensors = Readonly<Record<string, Uint8Array>>;

/** The files of `dataFile`. */
export async function writeDataFiles(directory: string): Promise<void> {
  const digits = await DigitAnswers.open(1);
  for (const model of DIGITS) {
    const outputs = [...digits.of(model)].map(([name, { data }]) => [name, data as Uint8Array] as const);
    writeData(directory, model, [{ pixels: floats(digits.rows[0]!) }], [Object.fromEntries(outputs)]);
  }
  const rows = Array.from({ length: ROWS }, (_, i) => [i, -i, 3 * i, 0.25]);
  const doubled = rows.map((row) => ({ y: floats(row.map((x) => 2 * x + 1)) }));
  writeData(
    directory,
    'affine',
    rows.map((row) => ({ x: floats(row) })),
    doubled,
  );
  const halved = rows.map(([x]) => ({ y: floats([x! / 2 + 2]) }));
  writeData(
    directory,
    'halves',
    rows.map(([x]) => ({ x: floats([x!]) })),
    halved,
  );
}

function floats(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

/** Writes the right file, and the wrong one. */
function writeData(directory: string, model: string, inputs: readonly Tensors[], outputs: readonly Tensors[]): void {
  const write = (kind: 'right' | 'wrong'): void => {
    const text = JSON.stringify({ data: inputs.map(contents), validation_data: outputs.map(contents) });
    writeFileSync(dataFile(directory, model, kind), text);
  };
  write('right');
  const [bytes] = Object.values(outputs.at(-1)!) as [Uint8Array];
  bytes[0]! ^= 1;
  write('wrong');
}

function contents(tensors: Tensors): object {
  const entries = Object.entries(tensors);
  return Object.fromEntries(
    entries.map(([name, data]) => [name, { content: { b64: Buffer.from(data).toString('base64') } }]),
  );
}

/** For --input-data: requests and their answers. The wrong one has another bit in the last answer. */
export function dataFile(directory: string, model: string, kind: 'right' | 'wrong'): string {
  return join(directory, `${model}-${kind}.json`);
}

/** What it printed. Rejects if it ends with another status than 0. */
export async function analyze(args: readonly string[]): Promise<string> {
  const program = process.env['PILLION_PERF_ANALYZER'];
  assert.ok(program, 'PILLION_PERF_ANALYZER names the program; npm test sets it');
  const { stdout } = await promisify(execFile)(program, [...SHORT, ...args], { timeout: TIMEOUT_MS });
  assert.match(stdout, /^(Concurrency|Request Rate): \d+(\.\d+)?, throughput: [1-9]/m);
  assert.doesNotMatch(stdout, /had error|Failed to/);
  return stdout;
}

export interface Counted {
  readonly model: string;
  /** Requests that it has under way at most, so many at each end of a window are counted by one of the two. Default: 1. */
  readonly callers?: number;
  /** Of each request. Default: 1. */
  readonly rows?: number;
}

/** Its own count, and what it was told of the server's. */
const COUNTS = /\n {4}Request count: (\d+)\n[\s\S]*\n {2}Server: \n[\s\S]*\n {4}Successful request count: (\d+)\n/;

/** The same as `analyze`, of this model. Its counts must agree with the server's statistics, which have no failure. */
export async function analyzeCounted(sidecar: Sidecar, args: readonly string[], counted: Counted): Promise<string> {
  const { model, callers = 1, rows = 1 } = counted;
  const before = await statisticsOf(sidecar, model);
  const stdout = await analyze([...args, '-m', model]);
  const after = await statisticsOf(sidecar, model);
  const [, own, served] = COUNTS.exec(stdout)!.map(Number);
  const answered = after.success - before.success;
  assert.ok(own! > 0 && answered >= own!, stdout);
  assert.ok(Math.abs(served! - own!) <= 2 * callers + own! / 10, stdout);
  assert.equal(after.fail, before.fail);
  assert.equal(after.rows - before.rows, rows * answered, stdout);
  return stdout;
}

interface ModelStats {
  readonly model_stats: readonly {
    readonly inference_count: number;
    readonly inference_stats: Record<'success' | 'fail', { readonly count: number }>;
  }[];
}

async function statisticsOf({ rest }: Sidecar, model: string): Promise<Record<'success' | 'fail' | 'rows', number>> {
  const answer = (await (await fetch(`${rest}/v2/models/${model}/stats`)).json()) as ModelStats;
  const { inference_stats, inference_count: rows } = answer.model_stats[0]!;
  return { success: inference_stats.success.count, fail: inference_stats.fail.count, rows };
}

/** It must end with an error that says this. */
export async function refuse(args: readonly string[], words: RegExp): Promise<void> {
  await assert.rejects(analyze(args), ({ stdout, stderr }: { stdout: string; stderr: string }) => {
    assert.match(stdout + stderr, words);
    return true;
  });
}

export function grpcOf({ grpc }: Sidecar): readonly string[] {
  return ['-i', 'grpc', '-u', grpc];
}

export function restOf({ rest }: Sidecar): readonly string[] {
  return ['-i', 'http', '-u', rest.slice('http://'.length)];
}
