/** Texts of --help. */

import { serveOptions } from '../config/options/serve-options.ts';
import type { ConfigKeys, OptionTable } from '../config/read-options.ts';
import {
  DOCTOR_OPTIONS,
  PROFILE_OPTIONS,
  RECORD_OPTIONS,
  REPLAY_OPTIONS,
  STATUS_OPTIONS,
  WHAT_IF_OPTIONS,
} from './command-options.ts';
import { AWAIT_OPTIONS, DRAIN_OPTIONS } from './pod-options.ts';

export const HELP = `pillion: an inference sidecar that speaks TensorFlow Serving's API

  pillion serve --model_base_path=DIR [--model_name=NAME] [options]
  pillion serve --config=FILE [options]
  pillion serve --model-repository=DIR [options]
  pillion serve --help         every option of serve
  pillion tritonserver --model-repository=DIR    the same, with the defaults of tritonserver
  pillion status               shows models, versions, memory and queues of a running sidecar
  pillion await [-- COMMAND]   waits until a sidecar is ready, then runs the application
  pillion drain                sends a sidecar's clients elsewhere, and waits until they are gone
  pillion doctor               says what is wrong with the machine, the models and their traffic, and what to change
  pillion what-if --cores=N    simulates the requests of the last minute with other cores, load or settings
  pillion profile --out=FILE   writes a trace file of a running sidecar, and prints the ops that take a model's time
  pillion record --model=NAME --out=FILE   writes a warm-up file from a running sidecar's requests
  pillion record --help        every option of record
  pillion replay               sends captured or recorded requests again, and compares the answers
  pillion config check [options of serve] [--json]
  pillion key new              makes an API key or a token, and the hash of it that an authorization file wants
  pillion natives tfjs         fetches and builds the libraries that TensorFlow's formats need
  pillion natives cuda         fetches the libraries that ONNX models on NVIDIA's GPUs need
  pillion places               prints a log with places in the source where its stacks have places in the bundle
  pillion version

Flags without a command are those of serve, so a command line of tensorflow_model_server or tritonserver works unchanged.
DIR holds one numbered directory per version: DIR/1/model.onnx
`;

const SERVE_HELP = `pillion serve: serves models over gRPC and REST until SIGTERM

  pillion serve --model_name=digits --model_base_path=/models/digits
  pillion serve --model=digits=/models/digits --model=half_plus_two=/models/half_plus_two
  pillion serve --model-repository=/repository

Each option may also be set in the environment (--rest_api_port as PILLION_REST_API_PORT) and in the file that --config
names. The command line overrides the environment, which overrides the file. Flags of tensorflow_model_server and
tritonserver that mean nothing here are accepted, and the log says so. OpenTelemetry's standard variables, such as OTEL_EXPORTER_OTLP_ENDPOINT,
say where traces go.

SIGTERM, SIGINT and the end of its terminal drain the server and end it with status 0; a second signal kills it at once.
SIGHUP reads the file that lists the models (--model_config_file or --config), and the files of TLS, --authorization_file
and --admin_token_file, now, without waiting for the next poll; the files of --audit_log_file and --access_log are opened anew.
`;

/** The help of `pillion serve` with these features. */
export function serveHelp(features: ConfigKeys): string {
  return `${SERVE_HELP}
${describeOptions(serveOptions(features))}
`;
}

export const TRITON_HELP = `pillion tritonserver: serves a Triton model repository by tritonserver's command line

  pillion tritonserver --model-repository=/models
  pillion tritonserver --model-store=/mnt/models --grpc-port=9000 --http-port=8080 --allow-grpc=true --allow-http=true

It is pillion serve, and takes all its options. Where neither they nor the environment nor a file say otherwise, the ports
are tritonserver's: --http-port=8000, --grpc-port=8001, --metrics-port=8002 (none beside --authorization_file), and so are
--strict-readiness=true and --exit-on-error=true. Flags of tritonserver that mean nothing here give a warning; those whose
absence would change what is served are refused. docs/triton-repository.md has all of them.
`;

export const STATUS_HELP = `pillion status: what a running sidecar serves

  pillion status
  pillion status --callers
  pillion status --json | jq '.models[].versions[0].memory'

One line per version: its state, where its runs happen, its weights (times the sessions that hold them), the memory that
it takes beside them, and the rows that wait. Ends with 0 if the sidecar is ready, else with 1.

${describeOptions(STATUS_OPTIONS)}
`;

export const DRAIN_HELP = `pillion drain: sends a running sidecar's clients elsewhere, and waits until they are gone

  lifecycle: {preStop: {exec: {command: [pillion, drain, --timeout=20]}}}

From now on the sidecar is not ready. After its --drain_delay_ms it tells its clients to go elsewhere. It still answers
everything, on new connections too, so that the application of its own pod is served until it ends. SIGTERM then ends
the sidecar without another delay. docs/kubernetes.md says what a pod does when.
Ends with 0 once no client is connected, or the sidecar has ended; with 1 if clients are left after --timeout, or there
is no sidecar.

${describeOptions(DRAIN_OPTIONS)}
`;

export const AWAIT_HELP = `pillion await: waits until a sidecar is ready, then runs a command

  pillion await --timeout=120 -- python app.py
  lifecycle: {postStart: {exec: {command: [pillion, await]}}}     of the sidecar: holds the containers after it

The command gets this process's terminal or pipes, environment, and signals (SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1,
SIGUSR2). Ends with the command's status, 128 + N if signal N has ended it, 127 if there is no such command, 126 if it
cannot be run; with 1 if the sidecar is not ready after --timeout, and the reason.

${describeOptions(AWAIT_OPTIONS)}
`;

export const DOCTOR_HELP = `pillion doctor: what is wrong, why, and what to change

  pillion doctor
  pillion doctor --seconds=30 --format=json | jq '.findings[].id'

Looks at cores, quotas, throttling, memory, huge pages and vector instructions as the sidecar's process has them, at its
models and at their traffic. Without a sidecar it looks at the machine alone. docs/doctor.md lists every finding.
Ends with 0 if nothing was found, 1 if something was, 2 if the sidecar at a given --admin cannot be read.

${describeOptions(DOCTOR_OPTIONS)}
`;

export const WHAT_IF_HELP = `pillion what-if: what would be in time with other cores, more load or other settings

  pillion what-if --cores=4
  pillion what-if --load=1.5 --max_batch_size=64
  pillion what-if --cores=4 --json | jq .changed.in_time

Takes the requests that a running sidecar got lately, its run times and its plan, and lets the requests come again to the
real scheduler on a simulated machine: as it is, and with the change. How near the first comes to what the server measured
says how far the second may be trusted. The server is only asked; nothing is sent to its models. docs/what-if.md says what
is simulated and what is not. Ends with 0, or with 1 if the sidecar cannot tell what is needed.

${describeOptions(WHAT_IF_OPTIONS)}
`;

export const PROFILE_HELP = `pillion profile: where the time goes, as one trace file

  pillion profile --out=trace.json
  pillion profile --seconds=20 --model=digits --out=trace.json

The file opens at https://ui.perfetto.dev and in chrome://tracing. It holds each request with its stages, each batch, the
JavaScript functions that ran on the event loop, and the ops of a replica: the model loaded once more with its runtime's
profiler on, and run on zeros at the batch size that was seen. The ops that take longest are printed too. The replica
takes a core for a few seconds.

${describeOptions(PROFILE_OPTIONS)}
`;

export const RECORD_HELP = `pillion record: writes requests of a running sidecar to a file

  pillion record --model=digits --out=/models/digits/2/assets.extra/tf_serving_warmup_requests
  pillion record --model=digits --golden --out=/models/digits/2/assets.extra/pillion_golden_requests

The file is a TFRecord file of PredictionLog messages, as TensorFlow Serving's warm-up reads it. It appears when it is
complete: after --count records, --max_bytes, --duration, Ctrl-C or the sidecar's end. Requests are people's data: nothing
is recorded unless somebody asks on the sidecar's own machine, and the file is readable by its owner alone.

${describeOptions(RECORD_OPTIONS)}
`;

export const REPLAY_HELP = `pillion replay: sends captured or recorded requests again, and compares the answers

  pillion replay --kept=failed                     requests that a sidecar with --capture_payloads=failed captured
  pillion replay --in=digits-1.tfrecord --rest=127.0.0.1:9501

The requests (Predict, Classify and Regress) go over REST, one after the other. Prints a line for each request that fails
or whose answer differs from the recorded one. Ends with 0 if there is no such request, else with 1. Inputs whose values
were not captured are sent as zeros and empty strings of the same shape.

${describeOptions(REPLAY_OPTIONS)}
`;

export const NATIVES_HELP = `pillion natives: libraries that are too large for Pillion's package

  pillion natives tfjs    tfjs-node and libtensorflow, for models of TensorFlow's formats. Fetches 350 MB, compiles the
                          binding, and takes 1.1 GB. Needs g++ and patch.
  pillion natives cuda    ONNX Runtime for NVIDIA's GPUs, and NVIDIA's libraries. Fetches 1.6 GB, and takes 2.4 GB. Needs
                          neither a GPU nor a driver.

All is pinned by hashes, and goes into PILLION_NATIVES_DIRECTORY, or ~/.cache/pillion/natives, where serve finds it.
Prints the folder; does nothing if it is there. Of two at once the second waits for the first. Both need Linux on x86-64
with glibc, and python3 with pip.
`;

export const PLACES_HELP = `pillion places: a log with places in the source

  pillion places <server.log
  kubectl logs ranker -c pillion | pillion places

A stack in the log names functions, and places in the bundle that runs (dist/bundle/serve/start-….cjs:12:345). This command
prints the log with those of src/ in their place (src/main.ts:12:34). It wants the version that wrote the log; a place that
this version does not have stays as it is. The server does not do it itself: reading its source maps takes 200 ms, in which
no request is answered, and 40 MiB.
`;

export const KEY_HELP = `pillion key new: makes an API key or a token of 256 random bits

  pillion key new >ranker.key
  (umask 077; pillion key new >/etc/pillion/admin.token)

The key goes to standard output. Its hash goes to standard error: an authorization file has the hash, so that who reads
the file does not have the key. docs/authorization.md shows the file.
`;

export const CONFIG_HELP = `pillion config check: what serve would do with these options

  pillion config check --config=pillion.yaml
  pillion config check --model_config_file=/etc/models.config --json

Accepts every option of serve, reads the same environment and files, and prints the effective configuration with the
source of each value: a flag, an environment variable, a line of a file, or the default. --json prints it as JSON.
Models are not loaded. Ends with 0 if serve would accept it, else with 64 and every mistake.
`;

function describeOptions(table: OptionTable): string {
  return Object.entries(table)
    .map(([name, { placeholder, default: value, help }]) => {
      const flag = placeholder === '' ? `--${name}` : `--${name}=${placeholder}`;
      const shown = String(value);
      const text = shown === '' ? help : `${help} (default ${shown})`;
      return `  ${flag}\n${text.replaceAll(/(.{1,92}|\S+)(?: |$)/g, '        $1\n')}`;
    })
    .join('')
    .trimEnd();
}
