/**
 * Flags of tensorflow_model_server that mean nothing here. They are accepted with a warning, so that its command line
 * works unchanged. A flag belongs here only while there is nothing like it.
 */

export interface IgnoredFlag {
  /** Takes its value only after `=`. */
  readonly isBoolean: boolean;
  /** Completes "has no effect: …". */
  readonly why: string;
  /**
   * A value other than false is refused, because the flag promises protection that is not there; `if false`: false is,
   * because it would close what stays open.
   */
  readonly isRefused?: boolean | 'if false';
}

const value = (why: string): IgnoredFlag => ({ isBoolean: false, why });
const boolean = (why: string): IgnoredFlag => ({ isBoolean: true, why });

const SESSION = 'no TensorFlow session runs in this process';
const TFLITE = 'TensorFlow Lite models are not served';
const XLA = 'there is no XLA compiler here';

export const TENSORFLOW_FLAGS: Readonly<Record<string, IgnoredFlag>> = {
  rest_api_num_threads: value('one event loop serves REST; runs have threads of their own (--num_batch_threads)'),
  grpc_max_threads: value('one event loop serves gRPC; runs have threads of their own (--num_batch_threads)'),
  grpc_channel_arguments: value('gRPC runs on an engine of its own; the largest message is --max_message_bytes'),
  tensorflow_session_parallelism: value(`${SESSION}; use --intra_op_threads and --num_batch_threads`),
  tensorflow_intra_op_parallelism: value(`${SESSION}; use --intra_op_threads`),
  tensorflow_inter_op_parallelism: value(`${SESSION}; use --num_batch_threads`),
  tensorflow_session_config_file: value(SESSION),
  platform_config_file: value(`${SESSION}; a model’s runtime is chosen by its files`),
  per_process_gpu_memory_fraction: value('the runtime takes the GPU memory that it needs'),
  saved_model_tags: value('of a SavedModel the graph with the tag "serve" is taken'),
  flush_filesystem_caches: boolean('caches of the file system are left to the kernel'),
  remove_unused_fields_from_bundle_metagraph: boolean(SESSION),
  enable_signature_method_name_check: boolean('a signature’s method name is never checked, which is the default there'),
  enable_profiler: boolean('there is no TensorFlow profiler; every request is traced stage by stage'),
  enable_grpc_healthcheck_service: boolean('the health service is always on'),
  prefer_tflite_model: boolean(TFLITE),
  num_tflite_pools: value(TFLITE),
  num_tflite_interpreters_per_pool: value(TFLITE),
  xla_cpu_compilation_enabled: boolean(XLA),
  xla_gpu_compilation_enabled: boolean(XLA),
  mixed_precision: value(`${SESSION}; a model runs in the precision that it was exported with`),
  skip_initialize_tpu: boolean('there is no TPU here'),
  thread_pool_factory_config_file: value('runs have threads of their own (--num_batch_threads)'),
  use_alts_credentials: {
    isBoolean: true,
    isRefused: true,
    why: 'ALTS exists on Google Cloud alone; use --ssl_config_file for TLS',
  },
};
