/** Starts a child process that hosts models, with its file descriptors (frame.ts) and its environment. */
import { type ChildProcess, spawn } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { ServingError } from '../../../core/errors.ts';
import type { LoadOptions } from '../../backend.ts';
import { siblingModule } from '../sibling-module.ts';
import { HEARTBEAT_FD } from './frame.ts';

type ChildEntry = './child-entry' | './group-entry' | './replica-entry';
type Environment = Readonly<Record<string, string | undefined>>;

const PASSED_NAMES: ReadonlySet<string> = new Set([
  'HOME',
  'LANG',
  'LANGUAGE',
  'NODE_COMPILE_CACHE',
  'PATH',
  'PILLION_NATIVES_DIRECTORY',
  'TEMP',
  'TMP',
  'TMPDIR',
  'TZ',
  'USER',
  'XDG_CACHE_HOME',
]);

/** Variables of runtimes, math libraries, accelerators, the allocator and the dynamic loader. */
const PASSED_PREFIXES =
  /^(CUDA|CUDNN|DYLD|HIP|KMP|LC|LD|MALLOC|MKL|NCCL|NVIDIA|OMP|ONNX|OPENBLAS|ORT|ROCM|TF|TFJS|XLA)_/;

/** Default of TF_CPP_MIN_LOG_LEVEL: no TensorFlow banner or warnings in the server's log. */
const TENSORFLOW_ERRORS_ONLY = '2';

/**
 * Starts the process. `name` is shown in process lists: the model's or the group's name. Throws `load_failed` when the
 * system cannot start one.
 */
export function startChild(entry: ChildEntry, name: string, loadOptions: LoadOptions): ChildProcess {
  const failed = (cause: unknown): ServingError =>
    new ServingError('load_failed', `no process can be started for "${name}": ${String(cause)}`, { cause });
  let child: ChildProcess;
  try {
    child = spawn(process.execPath, [fileURLToPath(siblingModule(import.meta.url, entry)), name], {
      env: childEnvironment(process.env, loadOptions),
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
    });
  } catch (error) {
    throw failed(error);
  }
  // Without free file descriptors there are no pipes, and an error event follows.
  if (child.stdio?.[HEARTBEAT_FD] === undefined) {
    child.on('error', () => undefined);
    throw failed('too many open files (EMFILE); raise their limit (ulimit -n)');
  }
  return child;
}

/**
 * The child's environment: variables of runtimes and of the dynamic loader, and thread counts within the core budget.
 * The server's own settings, credentials and tokens are not passed on.
 */
export function childEnvironment(own: Environment, { intraOpThreads }: LoadOptions): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(own)) {
    if (value !== undefined && (PASSED_NAMES.has(name) || PASSED_PREFIXES.test(name))) passed[name] = value;
  }
  const threads = String(intraOpThreads);
  return {
    TF_CPP_MIN_LOG_LEVEL: TENSORFLOW_ERRORS_ONLY,
    ...passed,
    TF_NUM_INTRAOP_THREADS: threads,
    TF_NUM_INTEROP_THREADS: '1',
    OMP_NUM_THREADS: threads,
  };
}
