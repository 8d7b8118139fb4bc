/**
 * The load generator's own process: reads one job, does it, writes the result, ends.
 *
 *   node build/bench/overload/generator.js JOB.json RESULT.json
 *
 * For an open loop it prints {"event":"started","inMs":…} when the plan's 0 is near, and the outcomes' columns go to
 * RESULT.json.columns. Runs before others where this process may: its lateness would be the server's latency.
 */
import { Buffer } from 'node:buffer';
import { readFileSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import process from 'node:process';
import { measureCapacity } from './client/closed-loop.ts';
import type { PoolTarget } from './client/connection-pool.ts';
import { OpenLoop } from './client/open-loop.ts';
import type { Job } from './generator-process.ts';
import { encodeOutcomes } from './outcome-columns.ts';
import { planRequests } from './request-plan.ts';

const NICE = -10;

function comeFirst(): boolean {
  try {
    setPriority(NICE);
  } catch {
    return false;
  }
  try {
    writeFileSync('/proc/self/autogroup', String(NICE));
  } catch {
    // No autogroups here: the nice value counts by itself.
  }
  return true;
}

function targetOf({ target }: Job): PoolTarget {
  return { ...target, messages: target.messages.map((text) => Buffer.from(text, 'base64')) };
}

async function work(job: Job, resultPath: string): Promise<unknown> {
  if (job.kind === 'closed') return measureCapacity(targetOf(job), job.loop);
  const isFirst = comeFirst();
  const loop = new OpenLoop(planRequests(job.workload, job.plan));
  const { outcomes, ...result } = await loop.run(targetOf(job), (zeroAt) => {
    process.stdout.write(`${JSON.stringify({ event: 'started', inMs: zeroAt - performance.now() })}\n`);
  });
  writeFileSync(`${resultPath}.columns`, encodeOutcomes(outcomes));
  return { ...result, isFirst };
}

const [jobPath, resultPath] = process.argv.slice(2) as [string, string];
writeFileSync(resultPath, JSON.stringify(await work(JSON.parse(readFileSync(jobPath, 'utf8')) as Job, resultPath)));
