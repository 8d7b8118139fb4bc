/** The child processes of a process, as Linux tells them. */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { processTree } from '../../bench/support/process-tree.ts';

/** Numbers of those that host models, without the tools that these run under. */
export function modelProcesses(of: number = process.pid): readonly number[] {
  return processTree(of).filter((pid) => {
    const command = commandOf(pid);
    return command.startsWith(`${process.execPath}\0`) && /\b(child|group|replica)-entry\b/.test(command);
  });
}

/** True if the process is neither running nor a zombie. */
export function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

/** A signal has stopped its first thread: it runs nothing more until it is continued. */
export function isStopped(pid: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')')).startsWith(') T');
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}
