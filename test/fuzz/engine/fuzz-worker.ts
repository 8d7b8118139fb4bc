/**
 * A thread that fuzzes one target. Started with FuzzOrder; sends FuzzReport when it ends. The input that it runs stands
 * in `current`, so that the main thread has it if a run never ends or takes all memory.
 */
import { Buffer } from 'node:buffer';
import { inspect } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';
import type { FuzzTarget } from '../fuzz-target.ts';
import { readCorpus, writeCorpus } from './corpus.ts';
import { CoverageMap, type FileCounters, joinCounters } from './coverage-map.ts';
import { Fuzzer } from './fuzzer.ts';

export interface FuzzOrder {
  readonly name: string;
  /** URL of the instrumented module. */
  readonly module: string;
  readonly seed: number;
  readonly ms: number;
  /** The corpus gets what was found to reach more. */
  readonly keeps: boolean;
  /** Number of runs, length of the input, then its bytes. */
  readonly current: SharedArrayBuffer;
}

export interface FuzzReport {
  readonly runs: number;
  readonly kept: number;
  /** Counters reached, of all. */
  readonly reached: number;
  readonly of: number;
  /** The input that shows a fault, and what happened. */
  readonly finding?: { readonly input: Uint8Array; readonly text: string };
}

const order = workerData as FuzzOrder;
const { target } = (await import(order.module)) as { readonly target: FuzzTarget };
const { fuzzCounters = {} } = globalThis as { fuzzCounters?: Record<string, FileCounters> };
const coverage = new CoverageMap(joinCounters(Object.values(fuzzCounters)));
const head = new Int32Array(order.current, 0, 2);
const place = new Uint8Array(order.current, 8);

function onInput(input: Uint8Array): void {
  head[0] = head[0]! + 1;
  head[1] = input.length;
  place.set(input);
}

const fuzzer = new Fuzzer({ target, coverage, seed: order.seed, onInput });
const inputs = [...target.seeds.map((seed) => Buffer.from(seed as string)), ...readCorpus(order.name)];
const finding = (await fuzzer.start(inputs)) ?? (await fuzzer.fuzz(order.ms));
if (order.keeps && finding === undefined) writeCorpus(order.name, await smallestThatReachAll(fuzzer.kept));
parentPort!.postMessage({
  runs: fuzzer.runs,
  kept: fuzzer.kept.length,
  reached: coverage.reached,
  of: coverage.size,
  ...(finding !== undefined && { finding: { input: finding.input, text: inspect(finding.error) } }),
} satisfies FuzzReport);

/** Of the inputs, shortest first, those that reach something that the ones before did not. */
async function smallestThatReachAll(all: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
  const again = new CoverageMap(joinCounters(Object.values(fuzzCounters)));
  const chosen = new Fuzzer({ target, coverage: again, seed: order.seed, onInput });
  await chosen.start(all);
  return chosen.kept;
}
