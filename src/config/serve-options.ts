/**
 * The table of `pillion serve`'s options: name, unit, default, help text. --help and the readers of the command line,
 * the environment and pillion.yaml use it. An option that TensorFlow Serving has too keeps its name and meaning.
 *
 * A value comes from the command line (--port=8500 or --port 8500), else from the environment (PILLION_PORT), else from
 * the file that --config names, else it is the default.
 */
import { FILE_OPTIONS } from './file-options.ts';
import { HOST_CHOICES } from './model-config.ts';
import { flag, integer, type Option, patternText, sizes, text, texts } from './option-types.ts';

const PORT = { min: 0, max: 65_535 };
const COUNT = { min: 0, max: 2 ** 31 - 1 };
const MIB = 2 ** 20;
/** RFC 9110's tokens. gRPC's metadata of names in -bin is bytes. Empty = none. */
const HEADER_NAME = /^(?!.*-[bB][iI][nN]$)[!#$%&'*+.^_`|~0-9A-Za-z-]*$/;

export const SERVE_OPTIONS = {
  model_name: text({ default: 'default', placeholder: 'NAME', help: 'Name of the model at --model_base_path.' }),
  model_base_path: text({
    default: '',
    placeholder: 'DIR',
    help: 'Directory with one numbered directory per version: DIR/1/model.onnx. The highest number is served, even if it appears later.',
  }),
  model: texts({
    default: [],
    placeholder: 'NAME=DIR[,key=value…]',
    help: 'Another model; may be given several times. Keys: backend (a runtime, or auto: the fastest), provider (cpu, cuda; default execution_provider), host, slo_ms, weight (share of the cores; default 1), versions (latest:N, all, or 3+7), label.NAME=VERSION, log=PATH_PREFIX, log_rate=SHARE (default 0.01), fallback=MODEL, degrade_to=MODEL (model, model:VERSION or model@LABEL), breaker=off, shadow=RUNTIME (or auto: another one), shadow_sample=SHARE (default 0.01).',
  }),
  ...FILE_OPTIONS,
  port: integer({ ...PORT, default: 8500, help: 'TCP port of gRPC. 0 = any free port, shown in the log.' }),
  rest_api_port: integer({ ...PORT, default: 8501, help: 'TCP port of REST. 0 = any free port, shown in the log.' }),
  admin_port: integer({
    ...PORT,
    default: 8502,
    help: 'TCP port of the console, health, readiness and metrics for operators, on 127.0.0.1 only. 0 = any free port.',
  }),
  bind_address: text({
    default: '::',
    placeholder: 'ADDRESS',
    help: 'Address of the gRPC and REST ports. :: is every IPv6 and IPv4 address (0.0.0.0 if the machine has no IPv6).',
  }),
  grpc_socket_path: text({ default: '', placeholder: 'PATH', help: 'gRPC listens on this Unix socket too.' }),
  rest_socket_path: text({ default: '', placeholder: 'PATH', help: 'REST listens on this Unix socket too.' }),
  caller_header: patternText(
    {
      default: '',
      placeholder: 'NAME',
      help: 'Header (HTTP) or metadata (gRPC) whose value names the caller. Set it only behind a proxy that writes it. Empty: callers are told apart by client certificate or address.',
    },
    HEADER_NAME,
    'the name of a header, such as x-caller; no name ends in -bin',
  ),
  rest_api_timeout_in_ms: integer({
    ...COUNT,
    min: 1,
    default: 30_000,
    help: 'Time limit of a REST request, even if its client allows more.',
  }),
  rest_api_enable_cors_support: flag({
    default: false,
    help: 'Web pages of any origin may call the REST API: CORS headers on every answer, and answers to preflight requests.',
  }),
  rest_compress_from_bytes: integer({
    ...COUNT,
    default: 0,
    help: 'REST answers of at least this many bytes are compressed as zstd (Node 22.15 or newer), br or gzip for clients that accept it. 0 = none: beside an application, CPU costs more than bandwidth.',
  }),
  grpc_api_timeout_in_ms: integer({
    ...COUNT,
    default: 0,
    help: 'Time limit of a gRPC request. 0 = no limit except the client’s own deadline, as in TensorFlow Serving.',
  }),
  http2_engine: text({
    default: 'pillion',
    oneOf: ['pillion', 'grpc-js'],
    placeholder: 'pillion|grpc-js',
    help: 'Implementation of gRPC’s transport. pillion takes a fraction of the CPU and keeps grpc-timeout exactly; grpc-js is for comparison, if a client misbehaves.',
  }),
  grpc_spin_micros: integer({
    min: 0,
    max: 1000,
    default: 50,
    help: 'How long the event loop may spin for the next gRPC request, in µs, if a client’s last requests came that soon after their answers. 0 = never, as with fewer than two cores.',
  }),
  grpc_compress_from_bytes: integer({
    ...COUNT,
    default: 0,
    help: 'gRPC answers of at least this many bytes are compressed as gzip for clients that accept it (pillion engine only). 0 = none: beside an application, CPU costs more than bandwidth.',
  }),
  max_message_bytes: integer({
    min: 1024,
    max: 2 ** 31 - 1,
    default: 64 * MIB,
    help: 'Largest request, decompressed. A larger one is refused before it is read.',
  }),
  enable_batching: flag({
    default: true,
    help: 'Requests that wait at the same time run as one batch. false = one request per run.',
  }),
  // Limits how long one run holds its slot, and the runtime's memory, which grows with the largest batch so far.
  max_batch_size: integer({
    ...COUNT,
    min: 1,
    default: 64,
    help: 'Most rows in one run. Larger requests are split. 1 = each request is run as it came.',
  }),
  batch_timeout_micros: integer({
    ...COUNT,
    default: 0,
    help: 'How long a request may wait for others while a slot is free, in µs. 0 = not at all.',
  }),
  // 6,400 rows at the default size: any burst that can be served within a deadline of seconds.
  max_enqueued_batches: integer({
    ...COUNT,
    min: 1,
    default: 100,
    help: 'How many full batches may wait. Beyond that, requests are refused at once (RESOURCE_EXHAUSTED, 429).',
  }),
  allowed_batch_sizes: sizes({
    default: [],
    help: 'Batches are padded to the next of these sizes. The last must equal --max_batch_size. Empty = any size.',
  }),
  pad_variable_length_inputs: flag({
    default: false,
    help: 'Requests of different shapes share runs: shorter rows are padded with their first element to the longest. Outputs keep the padded shape.',
  }),
  scheduler: text({
    default: 'slack',
    oneOf: ['slack', 'greedy', 'edf'],
    placeholder: 'slack|greedy|edf',
    help: 'Order of the runs. slack keeps deadlines, and refuses at once a request that could not be answered in time; greedy is first come, first served; edf is earliest deadline first without predictions. The latter two are for comparison.',
  }),
  slo_ms: integer({
    ...COUNT,
    default: 0,
    help: 'Latency objective in ms: the deadline of requests whose client set none. A model may have its own (--model=…,slo_ms=50). 0 = learned: 20 times the run time of one row, at least 50.',
  }),
  max_queued_mib: integer({
    ...COUNT,
    default: 0,
    help: 'Most memory for the inputs of waiting requests, in MiB. Beyond that, requests are refused at once. 0 = a quarter of the memory that the process may use.',
  }),
  state_dir: text({
    default: '',
    placeholder: 'DIR',
    help: 'Directory that keeps each model’s learned run times and batch axes between starts. Empty = they are not kept.',
  }),
  num_batch_threads: integer({
    min: 0,
    max: 1024,
    default: 0,
    help: 'Number of simultaneous runs, over all models, each on a thread with its own copy of the weights. 0 = one per available core, less one for the event loop.',
  }),
  intra_op_threads: integer({
    min: 1,
    max: 1024,
    default: 1,
    help: 'Threads inside one run. More than 1 helps only large models on idle cores.',
  }),
  host: text({
    default: 'auto',
    oneOf: HOST_CHOICES,
    placeholder: 'auto|inline|thread|process',
    help: 'Where runs happen. inline = on the event loop, for runs of microseconds; thread = on worker threads; process = in worker processes, whose crash ends nothing else; auto = in processes for runtimes that need it, else inline if the runs measured at load are short enough, which is watched afterwards, else on threads.',
  }),
  process_ceiling_mib: integer({
    ...COUNT,
    default: 0,
    help: 'A model’s process that takes more MiB than this is replaced by a new one, which loads beside it, so no request fails. 0 = half of the memory that the server may use.',
  }),
  execution_provider: text({
    default: 'cpu',
    oneOf: ['cpu', 'cuda'],
    placeholder: 'cpu|cuda',
    help: 'Where models run, unless their own provider says otherwise. A provider that is not installed is refused at the start.',
  }),
  enable_serialization_as_tensor_content: flag({
    default: false,
    help: 'gRPC answers carry tensor_content instead of the typed fields that most clients read.',
  }),
  file_system_poll_wait_seconds: integer({
    min: -COUNT.max,
    max: COUNT.max,
    default: 1,
    help: 'Seconds between two looks at the base paths for new versions. 0 = one look, at the start; negative = none, except for reloads.',
  }),
  version_transition_policy: text({
    default: 'availability',
    oneOf: ['availability', 'resource'],
    placeholder: 'availability|resource',
    help: 'availability = a new version loads before the old one is unloaded; resource = the old one is unloaded first, for models that fit into memory only once.',
  }),
  num_load_threads: integer({
    ...COUNT,
    default: 0,
    help: 'How many versions load at the same time. 0 = one; during the start, as many as the cores allow with each model’s threads.',
  }),
  num_unload_threads: integer({
    ...COUNT,
    default: 0,
    help: 'How many versions unload at the same time. 0 = any number: unloading is mostly waiting for requests to end.',
  }),
  max_num_load_retries: integer({
    ...COUNT,
    default: 5,
    help: 'How often a failed load is tried again, if the cause may pass (memory, file system, a lost thread). A broken model is not tried again.',
  }),
  load_retry_interval_micros: integer({
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    default: 60_000_000,
    help: 'Time between two attempts to load a version, in µs.',
  }),
  exit_on_load_failure: flag({
    default: false,
    help: 'The start fails (exit status 1) if one model that is there cannot be loaded. Without it, the others are served, and the start fails only if none of them can be loaded.',
  }),
  allow_version_labels_for_unavailable_models: flag({
    default: false,
    help: 'A new label may name a version that is not available. A label in use still moves only to an available version.',
  }),
  enable_model_warmup: flag({
    default: true,
    help: 'Before a version is served, the requests in its assets.extra/tf_serving_warmup_requests are replayed. Without that file, synthetic batches run for up to a second.',
  }),
  num_request_iterations_for_warmup: integer({
    ...COUNT,
    default: 0,
    help: 'How often each request of a warm-up file is replayed. 0 = once.',
  }),
  request_log_file_bytes: integer({
    ...COUNT,
    min: 1,
    default: 64 * MIB,
    help: 'A model’s request log starts a new file when the current one has reached this many bytes.',
  }),
  request_log_file_seconds: integer({
    min: 1,
    max: 7 * 24 * 3600,
    default: 600,
    help: 'A model’s request log starts a new file after this many seconds, even if the current one holds little.',
  }),
  flight_recorder_max_mib: integer({
    min: 0,
    max: 65_536,
    default: 16,
    help: 'Most memory in MiB for the requests of the last minutes that the admin port shows (GET /requests): at most 250 of each second, and about 2,000 a MiB. The last 512 requests, 256 slow and 256 failed ones come on top. 0 = none of all these.',
  }),
  tail_keep_per_second: integer({
    ...COUNT,
    default: 10,
    help: 'How many requests per second are kept of each kind of failure, and of each model’s requests above its 99th percentile: by the flight recorder, and as traces regardless of the sampling. 0 = none.',
  }),
  capture_payloads: text({
    default: 'off',
    oneOf: ['off', 'failed', 'all'],
    placeholder: 'off|failed|all',
    help: 'Keeps the inputs of Predict requests in memory, for GET /requests/ID/payload and `pillion replay`: of failed requests, or of all.',
  }),
  capture_inputs: texts({
    default: [],
    placeholder: 'NAME',
    help: 'An input whose values are captured; may be given several times. * = all inputs, and the answers. Of any other input, only dtype and shape are kept.',
  }),
  capture_max_mib: integer({
    min: 1,
    max: 65_536,
    default: 16,
    help: 'Most memory for captured payloads, in MiB. The oldest are dropped first.',
  }),
  drain_delay_ms: integer({
    ...COUNT,
    default: 0,
    help: 'After SIGTERM, how long the server is not ready but still serves, for balancers that notice late. Then the drain begins.',
  }),
  drain_timeout_ms: integer({
    ...COUNT,
    default: 25_000,
    help: 'How long the drain waits for requests in flight. Together with the delay it must be less than Kubernetes’ 30 s, which ends the process.',
  }),
  log_level: text({
    default: 'info',
    oneOf: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    placeholder: 'LEVEL',
    help: 'trace, debug (one line per request), info, warn, error, fatal or silent.',
  }),
} satisfies Record<string, Option<unknown>>;

type Table = typeof SERVE_OPTIONS;
export type ServeOptions = { readonly [K in keyof Table]: Table[K] extends Option<infer T> ? T : never };
