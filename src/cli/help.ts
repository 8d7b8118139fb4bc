/** Texts of --help. */
import { describeOptions } from '../config/read-options.ts';
import { SERVE_OPTIONS } from '../config/serve-options.ts';
import { DOCTOR_OPTIONS } from './doctor-options.ts';
import { PROFILE_OPTIONS } from './profile-options.ts';
import { RECORD_OPTIONS } from './record-options.ts';
import { REPLAY_OPTIONS } from './replay-options.ts';
import { STATUS_OPTIONS } from './status-options.ts';

export const HELP = `pillion: an inference sidecar that speaks TensorFlow Serving's API

  pillion serve --model_base_path=DIR [--model_name=NAME] [options]
  pillion serve --config=FILE [options]
  pillion serve --help      every option of serve
  pillion status            models, versions, memory and queues of a running sidecar
  pillion doctor            what is wrong with the machine, the models and their traffic, and what to change
  pillion profile --out=FILE   a trace file of what a running sidecar does, and the ops that take a model's time
  pillion record --model=NAME --out=FILE   writes a warm-up file from a running sidecar's requests
  pillion record --help     every option of record
  pillion replay            sends captured or recorded requests again and compares the answers
  pillion config check [options of serve] [--json]
  pillion version

Flags without a command are those of serve, so that a command line of tensorflow_model_server works as it is.
DIR holds one numbered directory a version: DIR/1/model.onnx
`;

export const SERVE_HELP = `pillion serve: serves models over gRPC and REST until SIGTERM

  pillion serve --model_name=digits --model_base_path=/models/digits
  pillion serve --model=digits=/models/digits --model=half_plus_two=/models/half_plus_two

Each option may also be set in the environment (--rest_api_port as PILLION_REST_API_PORT) and in the file that --config
names. The command line goes first, then the environment, then the file. Flags of tensorflow_model_server that mean
nothing here are taken, and the log says so. Traces go where OpenTelemetry's standard variables say, such as OTEL_EXPORTER_OTLP_ENDPOINT.

SIGTERM and SIGINT drain it and end it with status 0; a second one ends it at once. SIGHUP reads the file that lists the
models (--model_config_file or --config) now, whatever its polls; where no file does, it is ignored.

${describeOptions(SERVE_OPTIONS)}
`;

export const STATUS_HELP = `pillion status: what a running sidecar serves

  pillion status
  pillion status --json | jq '.models[].versions[0].memory'

A line for each version: its state, where its runs happen, its weights (times the sessions that hold them), what it takes
beside them, rows that wait. Ends with 0 if the sidecar is ready, else with 1.

${describeOptions(STATUS_OPTIONS)}
`;

export const DOCTOR_HELP = `pillion doctor: what is wrong, why, and what to change

  pillion doctor
  pillion doctor --seconds=30 --format=json | jq '.findings[].id'

Looks at cores, quotas, throttling, memory, huge pages and vector instructions as the sidecar's process has them, at its
models and at their traffic. Works without a sidecar too, then of the machine alone. docs/doctor.md has every finding.
Ends with 0 if nothing was found, 1 if something was, 2 if the sidecar at a given --admin cannot be read.

${describeOptions(DOCTOR_OPTIONS)}
`;

export const PROFILE_HELP = `pillion profile: where the time goes, as one trace file

  pillion profile --out=trace.json
  pillion profile --seconds=20 --model=digits --out=trace.json

The file opens at https://ui.perfetto.dev and in chrome://tracing. It holds each request with its stages, each batch, what
JavaScript ran on the event loop, and the ops of a replica: the model loaded once more, with its runtime's profiler on,
run on zeros at the batch size that was seen. The ops that take longest are printed too. Takes a core for a few seconds.

${describeOptions(PROFILE_OPTIONS)}
`;

export const RECORD_HELP = `pillion record: writes requests of a running sidecar to a file

  pillion record --model=digits --out=/models/digits/2/assets.extra/tf_serving_warmup_requests
  pillion record --model=digits --golden --out=/models/digits/2/assets.extra/pillion_golden_requests

The file is a TFRecord file of PredictionLog messages, as TensorFlow Serving's warm-up wants it. It appears when it is
whole: after --count records, --max_bytes, --duration, Ctrl-C or the sidecar's end. Requests are people's data: nothing
is recorded unless somebody asks on the sidecar's own machine, and the file is readable by its owner alone.

${describeOptions(RECORD_OPTIONS)}
`;

export const REPLAY_HELP = `pillion replay: sends requests that were written down again, and compares the answers

  pillion replay --kept=failed                     what a sidecar with --capture_payloads=failed captured
  pillion replay --in=digits-1.tfrecord --rest=127.0.0.1:9501

They are sent over REST, one after the other: Predict, Classify and Regress. A line for each that fails or is answered
otherwise than recorded. Ends with 0 if all were answered and none otherwise, else with 1. Inputs whose values were not
captured are sent as zeros and empty strings of the same shape.

${describeOptions(REPLAY_OPTIONS)}
`;

export const CONFIG_HELP = `pillion config check: what serve would do with these options

  pillion config check --config=pillion.yaml
  pillion config check --model_config_file=/etc/models.config --json

Takes every option of serve, reads the same environment and files, and prints the effective configuration with where
each value came from: a flag, an environment variable, a line of a file, or the default. --json prints it as JSON.
Models are not loaded. Ends with 0 if serve would take it, else with 64 and all that is wrong.
`;
