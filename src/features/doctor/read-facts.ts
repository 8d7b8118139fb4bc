/**
 * Gathers the facts that the rules read: the server's from its admin address, the machine's from the kernel's files. If
 * the server runs on this machine, which its pid shows, the files are those of its process, else those of this process.
 */
import { availableParallelism, totalmem } from 'node:os';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import type { ModelsReport } from '../../admin/models-report.ts';
import { readCudaState } from '../../backends/onnx/cuda-machine.ts';
import { askAdmin } from '../../cli/ask-admin.ts';
import { parseMetrics } from '../../cli/prometheus-text.ts';
import type { AdminAddress } from '../../cli/sidecar-command.ts';
import { type FileReader, readTextFile } from '../../config/machine/cgroup.ts';
import { readFreeMemory } from '../../config/machine/free-memory.ts';
import { readMachine } from '../../config/machine/machine.ts';
import { affinityCores, readerOfProcess, readMachineHealth } from '../../config/machine/machine-health.ts';
import { systemClock } from '../../core/clock.ts';
import type { DoctorFacts, ServerFacts } from './rule.ts';
import { type MetricsLook, trafficBetween } from './traffic.ts';

/** Watches the traffic for `seconds`; 0 = looks once. Rejects if the server does not answer. */
export async function readServer(from: AdminAddress, seconds: number): Promise<ServerFacts> {
  const before = seconds === 0 ? undefined : await lookAtMetrics(from);
  if (seconds > 0) await pause(seconds * 1000);
  const after = await lookAtMetrics(from);
  const report = JSON.parse((await askAdmin({ from, path: '/models' })).toString()) as ModelsReport;
  return { report, traffic: trafficBetween(before, after) };
}

async function lookAtMetrics(from: AdminAddress): Promise<MetricsLook> {
  const text = (await askAdmin({ from, path: '/metrics' })).toString();
  return { samples: parseMetrics(text), at: systemClock.wallMs() / 1000 };
}

export function factsAbout(server: ServerFacts | undefined, readFile: FileReader = readTextFile): DoctorFacts {
  const pid = server?.report.plan.pid;
  // The number may be another process's in another PID namespace: a process that is not Node is not the server.
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
    cuda: readCudaState(),
    environment: (isHere ? environmentIn(read('/proc/self/environ')) : undefined) ?? process.env,
    server,
  };
}

/** Entries are NAME=value, each ended by a NUL. Undefined if the file cannot be read. */
function environmentIn(text: string | undefined): Record<string, string> | undefined {
  if (text === undefined) return undefined;
  const pairs = text.split('\0').map((entry) => [entry.split('=', 1)[0]!, entry.slice(entry.indexOf('=') + 1)]);
  return Object.fromEntries(pairs);
}
