/**
 * Every option of `pillion serve`, once: name, unit, default, reason. --help, the environment and the reader are made
 * from this table. Where TensorFlow Serving has the flag, the name and the meaning are its.
 *
 * An option comes from the command line (--port=8500 or --port 8500), else from the environment (PILLION_PORT), else
 * from the file that --config names, else it is the default.
 */
import { FILE_OPTIONS } from './file-options.ts';
import { HOST_CHOICES } from './model-config.ts';
import { flag, integer, type Option, sizes, text, texts } from './option-types.ts';

const PORT = { min: 0, max: 65_535 };
const COUNT = { min: 0, max: 2 ** 31 - 1 };
const MIB = 2 ** 20;

export const SERVE_OPTIONS = {
  model_name: text({ default: 'default', placeholder: 'NAME', help: 'Name of the model at --model_base_path.' }),
  model_base_path: text({
    default: '',
    placeholder: 'DIR',
    help: 'Directory with one numbered directory a version: DIR/1/model.onnx. The highest number is served, also one that comes later.',
  }),
  model: texts({
    default: [],
    placeholder: 'NAME=DIR[,key=value…]',
    help: 'A further model; may be given several times. Keys: backend (a runtime, or auto: the fastest), provider (cpu, cuda), host, slo_ms, weight (of the cores; default 1), versions (latest:N, all, or 3+7), label.NAME=VERSION, log=PATH_PREFIX, log_rate=SHARE (default 0.01), fallback=MODEL, degrade_to=MODEL (model, model:VERSION or model@LABEL), breaker=off, shadow=RUNTIME (or auto: another one), shadow_sample=SHARE (default 0.01).',
  }),
  ...FILE_OPTIONS,
  port: integer({ ...PORT, default: 8500, help: 'TCP port of gRPC. 0 = any free port, shown in the log.' }),
  rest_api_port: integer({ ...PORT, default: 8501, help: 'TCP port of REST. 0 = any free port, shown in the log.' }),
  admin_port: integer({
    ...PORT,
    default: 8502,
    help: 'TCP port of the console, health, readiness and metrics for operators, on 127.0.0.1 alone. 0 = any free port.',
  }),
  bind_address: text({
    default: '::',
    placeholder: 'ADDRESS',
    help: 'Where gRPC and REST listen. :: is every IPv6 and IPv4 address (0.0.0.0 where the machine has no IPv6).',
  }),
  grpc_socket_path: text({ default: '', placeholder: 'PATH', help: 'gRPC listens on this Unix socket too.' }),
  rest_socket_path: text({ default: '', placeholder: 'PATH', help: 'REST listens on this Unix socket too.' }),
  rest_api_timeout_in_ms: integer({
    ...COUNT,
    min: 1,
    default: 30_000,
    help: 'No REST request may take longer, whatever its client allows.',
  }),
  rest_api_enable_cors_support: flag({
    default: false,
    help: 'Pages of any origin may call the REST API: CORS headers on every answer, and answers to preflight requests.',
  }),
  rest_compress_from_bytes: integer({
    ...COUNT,
    default: 0,
    help: 'REST answers of at least so many bytes go out as zstd (Node 22.15 or newer), br or gzip to clients that accept it. 0 = none: beside an application CPU is dearer than bandwidth.',
  }),
  grpc_api_timeout_in_ms: integer({
    ...COUNT,
    default: 0,
    help: 'The same for gRPC. 0 = no limit but the client’s own deadline, as in TensorFlow Serving.',
  }),
  http2_engine: text({
    default: 'pillion',
    oneOf: ['pillion', 'grpc-js'],
    placeholder: 'pillion|grpc-js',
    help: 'What carries gRPC. pillion costs a fraction of the CPU and keeps grpc-timeout exact; grpc-js is there to compare with, should a client misbehave.',
  }),
  grpc_spin_micros: integer({
    min: 0,
    max: 1000,
    default: 50,
    help: 'How long the event loop may wait for the next gRPC request without sleeping, in µs, where a client’s last ones came that fast after their answers. 0 = never, as on a budget of less than two cores.',
  }),
  grpc_compress_from_bytes: integer({
    ...COUNT,
    default: 0,
    help: 'gRPC answers of at least so many bytes go out as gzip to clients that accept it (pillion engine only). 0 = none: beside an application CPU is dearer than bandwidth.',
  }),
  max_message_bytes: integer({
    min: 1024,
    max: 2 ** 31 - 1,
    default: 64 * MIB,
    help: 'Largest request, decompressed. Larger ones are refused before they are read.',
  }),
  enable_batching: flag({
    default: true,
    help: 'Requests that wait together run together. false = one request a run.',
  }),
  // Bounds how long one run holds its slot, and the runtime's memory, which grows with the largest batch it has seen.
  max_batch_size: integer({ ...COUNT, min: 1, default: 64, help: 'Most rows in one run. Larger requests are cut.' }),
  batch_timeout_micros: integer({
    ...COUNT,
    default: 0,
    help: 'How long a request may wait for company while a slot is free, in µs. 0 = never.',
  }),
  // 6,400 rows at the default size: any burst that a deadline of seconds can still serve.
  max_enqueued_batches: integer({
    ...COUNT,
    min: 1,
    default: 100,
    help: 'Full batches that may wait; past that requests are refused at once (RESOURCE_EXHAUSTED, 429).',
  }),
  allowed_batch_sizes: sizes({
    default: [],
    help: 'Batches are padded to the next of these sizes; the last must equal --max_batch_size. Empty = any size.',
  }),
  pad_variable_length_inputs: flag({
    default: false,
    help: 'Requests of different shapes share runs: shorter rows are padded with their first element to the longest. Outputs are not cut back.',
  }),
  scheduler: text({
    default: 'slack',
    oneOf: ['slack', 'greedy', 'edf'],
    placeholder: 'slack|greedy|edf',
    help: 'What runs when. slack keeps deadlines and refuses at once what could not be in time; greedy is first come, first served; edf is earliest deadline first without predictions. The latter two are there to compare with.',
  }),
  slo_ms: integer({
    ...COUNT,
    default: 0,
    help: 'Latency objective, in ms: when a request is due whose client set no deadline. A model may have its own (--model=…,slo_ms=50). 0 = learned: 20 times what a run of one row takes, at least 50.',
  }),
  max_queued_mib: integer({
    ...COUNT,
    default: 0,
    help: 'Inputs of requests that wait may hold so many MiB together; past that requests are refused at once. 0 = a quarter of the memory that the process may use.',
  }),
  state_dir: text({
    default: '',
    placeholder: 'DIR',
    help: 'What was learned of each model’s run times is kept here between starts. Empty = nowhere.',
  }),
  num_batch_threads: integer({
    min: 0,
    max: 1024,
    default: 0,
    help: 'Runs at a time, over all models, each on a thread with its own copy of the weights. 0 = one a core of the budget, less one for the event loop.',
  }),
  intra_op_threads: integer({
    min: 1,
    max: 1024,
    default: 1,
    help: 'Threads inside one run. More than 1 pays only for large models on idle cores.',
  }),
  host: text({
    default: 'auto',
    oneOf: HOST_CHOICES,
    placeholder: 'auto|inline|thread|process',
    help: 'Where runs happen. inline = on the event loop, for models of microseconds; thread = on threads of their own; process = in processes of their own, whose crash ends nothing else; auto = in processes for runtimes that need it, else inline where the runs measured at load are short enough, watched afterwards.',
  }),
  process_ceiling_mib: integer({
    ...COUNT,
    default: 0,
    help: 'A model’s process that takes more MiB than this is replaced by a fresh one, which loads beside it, so no request fails. 0 = half of the memory that the server may use.',
  }),
  execution_provider: text({
    default: 'cpu',
    oneOf: ['cpu', 'cuda'],
    placeholder: 'cpu|cuda',
    help: 'Where models run that do not say (those of --model do). A provider that is not there is refused at start.',
  }),
  enable_serialization_as_tensor_content: flag({
    default: false,
    help: 'gRPC answers carry tensor_content instead of the typed fields that most clients read.',
  }),
  file_system_poll_wait_seconds: integer({
    min: -COUNT.max,
    max: COUNT.max,
    default: 1,
    help: 'How often base paths are looked at for new versions. 0 = once, at start; negative = never, but for reloads.',
  }),
  version_transition_policy: text({
    default: 'availability',
    oneOf: ['availability', 'resource'],
    placeholder: 'availability|resource',
    help: 'availability = a new version loads before the old one goes; resource = the old one goes first, for models that fit into memory only once.',
  }),
  num_load_threads: integer({
    ...COUNT,
    default: 0,
    help: 'Versions that load at the same time. 0 = one; while the server starts, as many as the cores hold with a model’s threads each.',
  }),
  num_unload_threads: integer({
    ...COUNT,
    default: 0,
    help: 'Versions that unload at the same time. 0 = any number: unloading is mostly waiting for requests to end.',
  }),
  max_num_load_retries: integer({
    ...COUNT,
    default: 5,
    help: 'How often a load is tried again whose failure may pass (memory, file system, a lost thread). A broken model is not.',
  }),
  load_retry_interval_micros: integer({
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    default: 60_000_000,
    help: 'Between two attempts to load a version, in µs.',
  }),
  allow_version_labels_for_unavailable_models: flag({
    default: false,
    help: 'A new label may name a version that is not there. One in use moves only to an available version in any case.',
  }),
  enable_model_warmup: flag({
    default: true,
    help: 'Before a version is served, the requests in its assets.extra/tf_serving_warmup_requests are replayed or, where there is no such file, made-up batches run for up to a second.',
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
    help: 'A file of a model’s request log is finished when it has reached so many bytes, and the next one begun.',
  }),
  request_log_file_seconds: integer({
    min: 1,
    max: 7 * 24 * 3600,
    default: 600,
    help: 'A file of a model’s request log is finished so long after it was begun, however little is in it.',
  }),
  flight_recorder_requests: integer({
    min: 0,
    max: 100_000,
    default: 512,
    help: 'The admin port shows so many of the last requests (GET /requests), and half as many each of the slow and the failed ones. About 1 KiB each. 0 = none.',
  }),
  tail_keep_per_second: integer({
    ...COUNT,
    default: 10,
    help: 'Of each kind of failure, and of each model’s requests that are slower than its 99th percentile, so many a second are kept: by the flight recorder, and as traces whatever the sampling. 0 = none.',
  }),
  capture_payloads: text({
    default: 'off',
    oneOf: ['off', 'failed', 'all'],
    placeholder: 'off|failed|all',
    help: 'Keeps what Predict requests sent, in memory, for GET /requests/ID/payload and `pillion replay`: of those that failed, or of all.',
  }),
  capture_inputs: texts({
    default: [],
    placeholder: 'NAME',
    help: 'An input whose values are captured; may be given several times; * = all, and the answers. Of any other, dtype and shape alone are kept.',
  }),
  capture_max_mib: integer({
    min: 1,
    max: 65_536,
    default: 16,
    help: 'Captured payloads take at most so many MiB; the oldest go first.',
  }),
  drain_delay_ms: integer({
    ...COUNT,
    default: 0,
    help: 'After SIGTERM, how long we are not ready but still serve, for balancers that hear of it late. Then the drain begins.',
  }),
  drain_timeout_ms: integer({
    ...COUNT,
    default: 25_000,
    help: 'In the drain, how long what is in flight may take. With the delay below Kubernetes’ 30 s, or we are killed before.',
  }),
  log_level: text({
    default: 'info',
    oneOf: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    placeholder: 'LEVEL',
    help: 'trace, debug (a line a request), info, warn, error, fatal or silent.',
  }),
} satisfies Record<string, Option<unknown>>;

type Table = typeof SERVE_OPTIONS;
export type ServeOptions = { readonly [K in keyof Table]: Table[K] extends Option<infer T> ? T : never };
