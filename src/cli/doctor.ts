/**
 * `pillion doctor`: reads the machine and, where one runs, a sidecar; says in plain words what is wrong and what to
 * change (doctor/rules.ts, docs/doctor.md).
 *
 *   2 cores, no CPU quota, avx2 fma; 24 GiB of memory, 21 GiB free; digits: 312 requests in 5 s
 *
 *   1. quota_throttled: the kernel stopped the process in 31 % of its CPU periods, …
 *      why: …
 *      change: …
 *
 * Exit status: 0 nothing found; 1 something; 2 what was asked for could not be read.
 */
import process from 'node:process';
import { noSidecar } from './ask-admin.ts';
import type { ServerFacts } from './doctor/facts.ts';
import { factsAbout, readServer } from './doctor/read-facts.ts';
import { asJson, asText } from './doctor/report.ts';
import { diagnose } from './doctor/rules.ts';
import type { DoctorOptions } from './doctor-options.ts';

const CLEAN = 0;
const FOUND = 1;
const UNREADABLE = 2;

/** Resolves with the exit status, when all is said. */
export async function doctor({ admin, seconds, format, wantsServer }: DoctorOptions): Promise<number> {
  let server: ServerFacts | undefined;
  try {
    server = await readServer(admin, seconds);
  } catch (error) {
    process.stderr.write(`pillion: ${noSidecar(admin, error as Error)}\n`);
    if (wantsServer) return UNREADABLE;
    process.stderr.write('pillion: looking at the machine alone\n');
  }
  const facts = factsAbout(server);
  const findings = diagnose(facts);
  process.stdout.write(format === 'json' ? asJson(facts, findings) : asText(facts, findings));
  return findings.length === 0 ? CLEAN : FOUND;
}
