/**
 * Flags of tritonserver that mean nothing here. They are accepted with a warning, so that its command line works; those
 * that promise protection, or close a port, are refused. A flag belongs here only while there is nothing like it.
 */
import type { IgnoredFlag } from '../../../config/tensorflow-flags.ts';

const value = (why: string): IgnoredFlag => ({ isBoolean: false, why });
const refused = (why: string): IgnoredFlag => ({ isBoolean: false, isRefused: true, why });
const open = (why: string): IgnoredFlag => ({ isBoolean: false, isRefused: 'if false', why });

const LOG = 'the log has JSON lines on standard output; its level is --log_level';
const TLS = 'use --tls_cert_file, --tls_key_file and --tls_client_ca_file';
const TRACE = 'traces go where OTEL_EXPORTER_OTLP_ENDPOINT says';
const MEMORY = 'memory follows the machine’s and the process’s limits';
const GPU = 'the runtime takes the GPU memory that it needs';
const IDLE = 'connections end by --idle_connection_timeout_s';
const CACHE = 'each model with response_cache keeps up to 64 MiB of answers (src/features/response-cache/README.md)';
const THREADS = 'one event loop serves each port; runs have threads of their own (--num_batch_threads)';
const SAGEMAKER = 'there are no paths of SageMaker';
const VERTEX = 'there are no paths of Vertex AI';

export const TRITON_FLAGS: Readonly<Record<string, IgnoredFlag>> = {
  log_verbose: value(LOG),
  log_info: value(LOG),
  log_warning: value(LOG),
  log_error: value(LOG),
  log_format: value(LOG),
  log_file: value(LOG),
  exit_timeout_secs: value('use --drain_timeout_ms'),
  disable_auto_complete_config: {
    isBoolean: true,
    why: 'what a config.pbtxt leaves out is always taken from the model',
  },
  strict_model_config: value('what a config.pbtxt leaves out is always taken from the model'),
  model_load_thread_count: value('use --num_load_threads'),
  model_load_retry_count: value('use --max_num_load_retries'),
  model_namespacing: refused('a name stands for one model of all repositories'),
  model_config_name: refused('config.pbtxt is the one file that is read of a model'),
  http_thread_count: value(THREADS),
  http_max_input_size: value('use --max_message_bytes'),
  http_header_forward_pattern: value('headers are not passed on to models'),
  reuse_http_port: value('a port has one listener'),
  reuse_grpc_port: value('a port has one listener'),
  grpc_header_forward_pattern: value('metadata are not passed on to models'),
  grpc_keepalive_time: value(IDLE),
  grpc_keepalive_timeout: value(IDLE),
  grpc_keepalive_permit_without_calls: value(IDLE),
  grpc_http2_max_pings_without_data: value(IDLE),
  grpc_http2_min_recv_ping_interval_without_data: value(IDLE),
  grpc_http2_max_ping_strikes: value(IDLE),
  grpc_max_connection_age: value(IDLE),
  grpc_max_connection_age_grace: value(IDLE),
  grpc_infer_thread_count: value(THREADS),
  grpc_infer_allocation_pool_size: value('messages are not pooled'),
  grpc_max_response_pool_size: value('messages are not pooled'),
  grpc_infer_response_compression_level: value('use --grpc_compress_from_bytes'),
  allow_http: open('the REST port is always open; --rest_socket_path and --bind_address say for whom'),
  allow_grpc: open('the gRPC port is always open; --grpc_socket_path and --bind_address say for whom'),
  allow_gpu_metrics: value('there are no metrics of GPUs'),
  allow_cpu_metrics: value('metrics of the process are always there'),
  metrics_interval_ms: value('metrics are read when they are asked for'),
  metrics_config: value('the names and buckets of metrics are fixed'),
  metrics_address: refused('use --bind_address'),
  http_restricted_api: refused('use --authorization_file'),
  grpc_restricted_protocol: refused('use --authorization_file'),
  grpc_use_ssl: refused(TLS),
  grpc_use_ssl_mutual: refused(TLS),
  grpc_server_cert: refused(TLS),
  grpc_server_key: refused(TLS),
  grpc_root_cert: refused(TLS),
  trace_file: value(TRACE),
  trace_level: value(TRACE),
  trace_rate: value(TRACE),
  trace_count: value(TRACE),
  trace_log_frequency: value(TRACE),
  trace_config: value(TRACE),
  backend_directory: value('runtimes are built in, or packages that pillion.yaml names'),
  backend_config: value('runtimes have options of their own here (docs/how-to/runtimes.md)'),
  repoagent_directory: value('no repository agent runs here'),
  cache_config: value(CACHE),
  cache_directory: value(CACHE),
  rate_limit: value('models share the cores by weight'),
  rate_limit_resource: value('models share the cores by weight'),
  pinned_memory_pool_byte_size: value(MEMORY),
  cuda_memory_pool_byte_size: value(GPU),
  cuda_virtual_address_size: value(GPU),
  min_supported_compute_capability: value(GPU),
  model_load_gpu_limit: value(GPU),
  buffer_manager_thread_count: value(THREADS),
  host_policy: value('the kernel places threads'),
  enable_peer_access: value(GPU),
  response_cache_byte_size: value(CACHE),
  allow_sagemaker: refused(SAGEMAKER),
  sagemaker_port: value(SAGEMAKER),
  sagemaker_safe_port_range: value(SAGEMAKER),
  sagemaker_thread_count: value(SAGEMAKER),
  allow_vertex_ai: refused(VERTEX),
  vertex_ai_port: value(VERTEX),
  vertex_ai_thread_count: value(VERTEX),
  vertex_ai_default_model: value(VERTEX),
};
