/** Texts of --help. */
import { describeOptions } from '../config/read-options.ts';
import { SERVE_OPTIONS } from '../config/serve-options.ts';
import { RECORD_OPTIONS } from './record-options.ts';

export const HELP = `pillion: an inference sidecar that speaks TensorFlow Serving's API

  pillion serve --model_base_path=DIR [--model_name=NAME] [options]
  pillion serve --help      every option of serve
  pillion record --model=NAME --out=FILE   writes a warm-up file from a running sidecar's requests
  pillion record --help     every option of record
  pillion version

DIR holds one numbered directory a version: DIR/1/model.onnx
`;

export const SERVE_HELP = `pillion serve: serves models over gRPC and REST until SIGTERM

  pillion serve --model_name=digits --model_base_path=/models/digits
  pillion serve --model=digits=/models/digits --model=half_plus_two=/models/half_plus_two

Each option may also be set in the environment: --rest_api_port as PILLION_REST_API_PORT, and so on. The command line
wins. Traces go where OpenTelemetry's standard variables say, such as OTEL_EXPORTER_OTLP_ENDPOINT.

${describeOptions(SERVE_OPTIONS)}
`;

export const RECORD_HELP = `pillion record: writes requests of a running sidecar to a file

  pillion record --model=digits --out=/models/digits/2/assets.extra/tf_serving_warmup_requests
  pillion record --model=digits --golden --out=/models/digits/2/assets.extra/pillion_golden_requests

The file is a TFRecord file of PredictionLog messages, as TensorFlow Serving's warm-up wants it. It appears when it is
whole: after --count records, --max_bytes, --duration, Ctrl-C or the sidecar's end. Requests are people's data: nothing
is recorded unless somebody asks on the sidecar's own machine, and the file is readable by its owner alone.

${describeOptions(RECORD_OPTIONS)}
`;
