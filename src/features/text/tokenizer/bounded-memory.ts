/** Bounds the memory of a process by the system's own limit: what asks for more fails, and nothing else does. */
import { existsSync } from 'node:fs';
import { NO_SANDBOX, type Sandbox } from '../../../backends/host/process/sandbox.ts';

const SHELL = '/bin/sh';

/**
 * `sandbox`, with a limit of the memory that its processes may write to (RLIMIT_DATA), in KiB. Systems that have no such
 * limit, and those without a shell, ignore it.
 */
export function withMemoryLimit(sandbox: Sandbox = NO_SANDBOX, kib: number): Sandbox {
  return {
    requiredBy: sandbox.requiredBy,
    prepare: () => sandbox.prepare(),
    confine: (...of) => {
      const confined = sandbox.confine(...of);
      if (!existsSync(SHELL)) return confined;
      const script = `ulimit -d ${kib} 2>/dev/null; exec "$@"`;
      return { ...confined, command: SHELL, args: ['-c', script, 'sh', confined.command, ...confined.args] };
    },
  };
}
