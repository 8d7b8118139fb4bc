/**
 * The environment of a child process: what runtimes and the loader of shared libraries read, and threads within the core
 * budget. Everything else stays with the server: settings of its own, credentials, tokens.
 */
import type { LoadOptions } from '../../backend.ts';

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

/** Of runtimes, their mathematical libraries, accelerators, the allocator and the loader. */
const PASSED_PREFIXES =
  /^(CUDA|CUDNN|DYLD|HIP|KMP|LC|LD|MALLOC|MKL|NCCL|NVIDIA|OMP|ONNX|OPENBLAS|ORT|ROCM|TF|TFJS|XLA)_/;

/** What users rarely want in a server's log: TensorFlow's banner and notes. Set it yourself to see them. */
const TENSORFLOW_ERRORS_ONLY = '2';

/** From the server's own environment. Runtimes read the numbers of threads when they are first loaded. */
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
