/**
 * Gathers what the rules look at: from the server's admin address, and of the machine from the kernel's files, as the
 * server's process sees them where it is on this machine (its pid is in what it tells), else as this process does.
 */
import { availableParallelism, totalmem } from 'node:os';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import type { ModelsReport } from '../../admin/models-report.ts';
import { type FileReader, readTextFile } from '../../config/machine/cgroup.ts';
import { readFreeMemory } from '../../config/machine/free-memory.ts';
import { readMachine } from '../../config/machine/machine.ts';
import { affinityCores, readerOfProcess, readMachineHealth } from '../../config/machine/machine-health.ts';
import { systemClock } from '../../core/clock.ts';
import { askAdmin } from '../ask-admin.ts';
import type { DoctorFacts, ServerFacts } from './facts.ts';
import { parseMetrics } from './prometheus-text.ts';
import { type MetricsLook, trafficBetween } from './traffic.ts';

/** A sidecar on the same machine that takes longer does not run its event loop. */
const PATIENCE_MS = 5000;

/** Watches the traffic for `seconds`; 0 = looks once. Rejects with why it could not be asked. */
export async function readServer(admin: string, seconds: number): Promise<ServerFacts> {
  const before = seconds === 0 ? undefined : await lookAtMetrics(admin);
  if (seconds > 0) await pause(seconds * 1000);
  const after = await lookAtMetrics(admin);
  const report = JSON.parse(await askAdmin({ admin, path: '/models', patienceMs: PATIENCE_MS })) as ModelsReport;
  return { report, traffic: trafficBetween(before, after) };
}

async function lookAtMetrics(admin: string): Promise<MetricsLook> {
  const text = await askAdmin({ admin, path: '/metrics', patienceMs: PATIENCE_MS });
  return { samples: parseMetrics(text), at: systemClock.wallMs() / 1000 };
}

export function factsAbout(server: ServerFacts | undefined, readFile: FileReader = readTextFile): DoctorFacts {
  const pid = server?.report.plan.pid;
  // Another PID namespace may have another process of that number: one that is not Node is not the server.
  const isHere = pid !== undefined && /^(node|MainThread|pillion)/.test(readFile(`/proc/${pid}/comm`) ?? '');
  const read = isHere ? readerOfProcess(pid, readFile) : readFile;
  return {
    machine: readMachine({
      readFile: read,
      affinityCores: affinityCores(read) ?? availableParallelism(),
      totalMemoryBytes: totalmem(),
      nodeVersion: process.version,
      arch: process.arch,
    }),
    health: readMachineHealth(read),
    freeMemory: readFreeMemory(read),
    environment: (isHere ? environmentIn(read('/proc/self/environ')) : undefined) ?? process.env,
    server,
  };
}

/** NAME=value, each ended by a NUL. Undefined where it may not be read. */
function environmentIn(text: string | undefined): Record<string, string> | undefined {
  if (text === undefined) return undefined;
  const pairs = text.split('\0').map((entry) => [entry.split('=', 1)[0]!, entry.slice(entry.indexOf('=') + 1)]);
  return Object.fromEntries(pairs);
}
