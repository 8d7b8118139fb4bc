/**
 * Sidecars whose sandbox has only some of this machine's tools, and what an attacker in a model's process looks for.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import type { ModelsReport } from '../../src/admin/models-report.ts';
import type { SandboxState } from '../../src/backends/host/process/sandbox.ts';
import type { Sidecar } from './sidecar.ts';
import { tempDirectory } from './temp-directory.ts';

/** Programs that a PATH may have; `all`: this machine's own. */
export const TOOLS = ['all', 'setpriv', 'none'] as const;

/** A PATH with these tools as far as the machine has them. */
export function pathWith(t: TestContext, tools: (typeof TOOLS)[number]): string {
  if (tools === 'all') return process.env['PATH']!;
  const directory = openDirectory(t);
  const setpriv = spawnSync('/bin/sh', ['-c', 'command -v setpriv']).stdout.toString().trim();
  if (tools === 'setpriv' && setpriv !== '') symlinkSync(setpriv, join(directory, 'setpriv'));
  return directory;
}

/** A temporary directory that every user may read and enter. */
export function openDirectory(t: TestContext, mode = 0o755): string {
  const directory = tempDirectory(t);
  chmodSync(directory, mode);
  return directory;
}

/** Names of the server's variables, which have the value SECRET: with prefixes that runtimes' names have, too. */
export const SECRET = 'planted-secret-4711';
export const SECRET_VARIABLES = ['AWS_SECRET_ACCESS_KEY', 'TF_VAR_password', 'CUDA_TOKEN', 'LD_TOKEN', 'PILLION_TOKEN'];

export interface Canaries {
  /** A secret that only the server's user may read. */
  readonly closed: string;
  /** A secret that every user may read. */
  readonly open: string;
  /** Everyone may write here. */
  readonly writable: string;
}

export function plantCanaries(t: TestContext): Canaries {
  const directory = openDirectory(t);
  const [closed, open] = ['closed', 'open'].map((name) => join(directory, name)) as [string, string];
  writeFileSync(closed, SECRET, { mode: 0o600 });
  writeFileSync(open, SECRET, { mode: 0o644 });
  return { closed, open, writable: openDirectory(t, 0o777) };
}

/** The sandbox of the first model's process, as the sidecar reports it. */
export async function sandboxOf({ admin }: Sidecar): Promise<SandboxState> {
  const { models } = (await (await fetch(`${admin}/models`)).json()) as ModelsReport;
  return models[0]!.versions[0]!.host!.sandbox!;
}

export interface Attack extends Canaries {
  /** The sidecar's process. */
  readonly pid: number;
  /** Port of its REST surface. */
  readonly port: string;
}

/** True if the model's process cannot open files that are not for it. */
export function hidesFiles({ level, by }: SandboxState): boolean {
  return level === 'full' || by.includes('Landlock');
}

/** The files that must not tell the secret in this sandbox. */
export function secretReads({ closed, open, pid }: Attack, state: SandboxState): readonly string[] {
  return [
    '/proc/self/environ',
    ...(hidesFiles(state) || state.by.includes('user')
      ? [`/proc/${pid}/environ`, `/proc/${pid}/mem`, '/proc/1/environ', closed]
      : []),
    ...(hidesFiles(state) ? [open] : []),
  ];
}
