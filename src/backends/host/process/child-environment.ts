/** The environment of a process that hosts models. */

import type { LoadSettings } from '../../backend.ts';
import { nativesDirectory } from '../../natives-directory.ts';
import { cudaLibraryDirectory } from '../../onnx/cuda-natives.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The variables that are passed on, each by its whole name: a prefix such as `TF_` would also pass on what others have
 * named so, for example credentials in `TF_VAR_…`. docs/why/hosts.md has the same list.
 */
export const PASSED_NAMES: readonly string[] = [
  // The C library: its loader, allocator, locale and time zone.
  ...['LD_LIBRARY_PATH', 'LD_PRELOAD', 'LD_BIND_NOW', 'DYLD_LIBRARY_PATH', 'DYLD_FALLBACK_LIBRARY_PATH'],
  ...['GLIBC_TUNABLES', 'MALLOC_ARENA_MAX', 'MALLOC_CONF', 'MALLOC_MMAP_THRESHOLD_', 'MALLOC_TOP_PAD_'],
  ...['MALLOC_TRIM_THRESHOLD_', 'LANG', 'LANGUAGE', 'LC_ALL', 'LC_CTYPE', 'LC_MESSAGES', 'LC_NUMERIC', 'TZ', 'TZDIR'],
  // The variables of places.
  ...['HOME', 'PATH', 'TEMP', 'TMP', 'TMPDIR', 'USER', 'XDG_CACHE_HOME'],
  // The variables of math libraries.
  ...['DNNL_MAX_CPU_ISA', 'DNNL_VERBOSE', 'ONEDNN_MAX_CPU_ISA', 'ONEDNN_VERBOSE', 'ONEDNN_DEFAULT_FPMATH_MODE'],
  ...['KMP_AFFINITY', 'KMP_BLOCKTIME', 'MKL_DYNAMIC', 'MKL_NUM_THREADS', 'OMP_DYNAMIC', 'OMP_PLACES'],
  ...['OMP_PROC_BIND', 'OMP_WAIT_POLICY', 'OPENBLAS_CORETYPE', 'OPENBLAS_NUM_THREADS'],
  // The variables of accelerators.
  ...['CUDA_CACHE_DISABLE', 'CUDA_CACHE_MAXSIZE', 'CUDA_DEVICE_MAX_CONNECTIONS', 'CUDA_DEVICE_ORDER'],
  ...['CUDA_LAUNCH_BLOCKING', 'CUDA_MODULE_LOADING', 'CUDA_MPS_ACTIVE_THREAD_PERCENTAGE', 'CUDA_VISIBLE_DEVICES'],
  ...['HIP_VISIBLE_DEVICES', 'HSA_OVERRIDE_GFX_VERSION', 'NCCL_DEBUG', 'NVIDIA_DRIVER_CAPABILITIES'],
  ...['NVIDIA_TF32_OVERRIDE', 'NVIDIA_VISIBLE_DEVICES', 'ROCR_VISIBLE_DEVICES'],
  // The variables of ONNX Runtime, TensorFlow and XLA.
  ...['ORT_DISABLE_TELEMETRY', 'TF_CPP_MAX_VLOG_LEVEL', 'TF_CPP_MIN_LOG_LEVEL', 'TF_CPP_MIN_VLOG_LEVEL'],
  ...['TF_CPP_VMODULE', 'TF_CUDNN_DETERMINISTIC', 'TF_DETERMINISTIC_OPS', 'TF_ENABLE_ONEDNN_OPTS'],
  ...['TF_FORCE_GPU_ALLOW_GROWTH', 'TF_GPU_ALLOCATOR', 'TF_GPU_THREAD_MODE', 'TF_XLA_FLAGS', 'XLA_FLAGS'],
];

/** Default of TF_CPP_MIN_LOG_LEVEL: no TensorFlow banner or warnings in the server's log. */
const TENSORFLOW_ERRORS_ONLY = '2';

/**
 * The child's environment: the variables of the list and of `alsoPassed`, and thread counts within the core budget. The
 * server's own settings, credentials and tokens are not passed on.
 */
export function childEnvironment(
  own: Environment,
  { intraOpThreads, executionProvider }: LoadSettings,
  alsoPassed: readonly string[] = [],
): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name of [...PASSED_NAMES, ...alsoPassed]) {
    const value = own[name];
    if (value !== undefined) passed[name] = value;
  }
  const threads = String(intraOpThreads);
  return {
    TF_CPP_MIN_LOG_LEVEL: TENSORFLOW_ERRORS_ONLY,
    ...passed,
    ...(executionProvider === 'cuda' && { LD_LIBRARY_PATH: withCuda(passed['LD_LIBRARY_PATH']) }),
    // Its default lies in the home, which may be another one in the child.
    PILLION_NATIVES_DIRECTORY: nativesDirectory(),
    TF_NUM_INTRAOP_THREADS: threads,
    TF_NUM_INTEROP_THREADS: '1',
    OMP_NUM_THREADS: threads,
  };
}

/** The loader reads the variable once, when the process starts. CUDA's folder is first: it has an ONNX Runtime, too. */
function withCuda(path: string | undefined): string {
  return path === undefined || path === '' ? cudaLibraryDirectory() : `${cudaLibraryDirectory()}:${path}`;
}
