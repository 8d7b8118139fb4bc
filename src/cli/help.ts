/** Texts of --help. */
import { describeOptions } from '../config/read-options.ts';
import { SERVE_OPTIONS } from '../config/serve-options.ts';

export const HELP = `pillion: an inference sidecar that speaks TensorFlow Serving's API

  pillion serve --model_base_path=DIR [--model_name=NAME] [options]
  pillion serve --help      every option of serve
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
