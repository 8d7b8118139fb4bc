/** The load generator from outside: a job goes in as a file, figures come out as files; nothing is left behind. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Capacity, ClosedLoop } from './client/closed-loop.ts';
import type { PoolTarget } from './client/connection-pool.ts';
import type { OpenLoopResult } from './client/open-loop.ts';
import { decodeOutcomes } from './outcome-columns.ts';
import type { PlanOptions } from './request-plan.ts';
import type { Workload } from './workload.ts';

/** Messages are base64. Plans are made anew from their seed: as JSON they would be megabytes. */
export interface JobTarget extends Omit<PoolTarget, 'messages'> {
  readonly messages: readonly string[];
}

export type Job =
  | { readonly kind: 'closed'; readonly target: JobTarget; readonly loop: ClosedLoop }
  | { readonly kind: 'open'; readonly target: JobTarget; readonly workload: Workload; readonly plan: PlanOptions };

export interface OpenResult extends OpenLoopResult {
  /** The generator runs before other processes (a negative nice value). */
  readonly isFirst: boolean;
}

const GENERATOR = fileURLToPath(new URL('./generator.js', import.meta.url));

/** Connections of a generator with its server: no connection's streams or windows are ever the bound. */
export const DEFAULT_CONNECTIONS = 8;

export async function generateClosed(target: JobTarget, loop: ClosedLoop): Promise<Capacity> {
  return inDirectory(async (directory) => runJob({ kind: 'closed', target, loop }, directory)) as Promise<Capacity>;
}

/** @param onStarted is told in how many ms the plan's 0 will be */
export async function generateOpen(
  job: Omit<Extract<Job, { kind: 'open' }>, 'kind'>,
  onStarted: (inMs: number) => void = () => undefined,
): Promise<OpenResult> {
  return inDirectory(async (directory) => {
    const result = (await runJob({ kind: 'open', ...job }, directory, onStarted)) as Omit<OpenResult, 'outcomes'>;
    return { ...result, outcomes: decodeOutcomes(readFileSync(join(directory, 'result.columns'))) };
  });
}

async function runJob(job: Job, directory: string, onStarted?: (inMs: number) => void): Promise<unknown> {
  const [jobPath, resultPath] = [join(directory, 'job'), join(directory, 'result')];
  writeFileSync(jobPath, JSON.stringify(job));
  // A session of its own: Linux shares cores between sessions first (autogroup), and a nice value counts only within
  // one.
  const child = spawn(process.execPath, [GENERATOR, jobPath, resultPath], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const kill = (): void => void child.kill();
  process.once('exit', kill);
  const errors: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => errors.push(line));
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { event, inMs } = JSON.parse(line) as { event: string; inMs: number };
    if (event === 'started') onStarted?.(inMs);
  });
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      process.off('exit', kill);
      if (code === 0) resolve();
      else
        reject(new Error(`the load generator ended (${code}): ${reasonIn(errors)}\n${errors.slice(-20).join('\n')}`));
    });
  });
  return JSON.parse(readFileSync(resultPath, 'utf8'));
}

/** The reason in what Node prints of an error that nobody caught. */
function reasonIn(lines: readonly string[]): string {
  return lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1) ?? 'it said nothing';
}

async function inDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-overload-'));
  try {
    return await use(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
