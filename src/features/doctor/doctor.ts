/**
 * `pillion doctor`: reads the machine and, if one runs, a sidecar; says in plain words what is wrong and what to change
 * (rules.ts, src/features/doctor/README.md).
 *
 *   2 cores, no CPU quota, avx2 fma; 24 GiB of memory, 21 GiB free; digits: 312 requests in 5 s
 *
 *   1. quota_throttled: the kernel stopped the process in 31 % of its CPU periods, …
 *      why: …
 *      change: …
 *
 * Exit status: 0 = no finding; 1 = findings; 2 = the server at --admin could not be read.
 */
import process from 'node:process';
import { noSidecar } from '../../cli/ask-admin.ts';
import type { AdminAddress } from '../../cli/sidecar-command.ts';
import { factsAbout, readServer } from './read-facts.ts';
import { asJson, asText } from './report.ts';
import type { ServerFacts } from './rule.ts';
import { diagnose } from './rules.ts';

interface DoctorOptions extends AdminAddress {
  /** How long the traffic is watched; 0 = not at all. */
  readonly seconds: number;
  /** text or json */
  readonly format: string;
  /** No answer of the sidecar is an error. */
  readonly wantsServer: boolean;
}

/** Resolves with the exit status once everything is printed. */
export async function doctor({ seconds, format, wantsServer, ...from }: DoctorOptions): Promise<number> {
  let server: ServerFacts | undefined;
  try {
    server = await readServer(from, seconds);
  } catch (error) {
    process.stderr.write(`pillion: ${noSidecar(from.admin, error as Error)}\n`);
    if (wantsServer) return 2;
    process.stderr.write('pillion: looking at the machine alone\n');
  }
  const facts = factsAbout(server);
  const findings = diagnose(facts);
  process.stdout.write(format === 'json' ? asJson(facts, findings) : asText(facts, findings));
  return findings.length === 0 ? 0 : 1;
}
