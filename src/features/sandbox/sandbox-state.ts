/** Describes what a sandbox leaves to a model's process, for the log, reports and errors. */
import process from 'node:process';
import type { SandboxState } from '../../backends/host/process/sandbox.ts';
import { hidesFiles, type SandboxMeans } from './command-line.ts';

interface SandboxFacts {
  readonly means: SandboxMeans;
  /** The operator has switched it off. */
  readonly isOff: boolean;
  /** The user that was asked for. */
  readonly user: number;
  /** Paths that this user cannot read, and so is not used. */
  readonly unreadable: readonly string[];
}

export function remainingRights({ means, isOff, user, unreadable }: SandboxFacts): SandboxState {
  const { bubblewrap, setpriv, landlock } = means;
  const isRoot = process.getuid?.() === 0;
  const lacks: string[] = [];
  if (isOff) lacks.push('it is off (--model_sandbox=off)');
  if (means.user === undefined && (isRoot || bubblewrap === undefined)) {
    const paths = unreadable.map((path) => `"${path}"`).join(' or ');
    const why = paths === '' ? '' : `, since user ${user} cannot read ${paths}`;
    lacks.push(`it runs as the server’s user${why}${hidesFiles(means) ? '' : READS_SERVER}`);
  }
  if (bubblewrap === undefined) {
    const files = landlock === true ? 'it may write to the temporary directory' : 'it sees files as its user does';
    lacks.push(`${files}, can signal its user’s processes, and has the network`);
    if (setpriv === undefined) lacks.push('setuid programs may give it rights');
  }
  const tools = [
    ...(bubblewrap === undefined ? [] : ['bubblewrap']),
    ...(setpriv === undefined ? [] : ['setpriv']),
    ...(landlock === true ? ['Landlock'] : []),
    ...(means.user === undefined ? [] : [`user ${means.user}`]),
  ];
  const level = lacks.length === 0 ? 'full' : tools.length === 0 ? 'none' : 'partial';
  return { level, by: tools.join(', '), lacks };
}

const READS_SERVER = ': it can read the server’s files, memory and environment, and change what the server may';
