/** Options of `pillion serve` about configuration files, with TensorFlow Serving's names where it has them. */
import { flag, integer, type Option, text, texts } from './option-types.ts';

const DAY_S = 86_400;

export const FILE_OPTIONS = {
  config: text({
    default: '',
    placeholder: 'FILE',
    help: 'pillion.yaml: any of these options, and the models. The command line and the environment override it.',
  }),
  model_config_file: text({
    default: '',
    placeholder: 'FILE',
    help: 'The models, as a ModelServerConfig in protobuf’s text format.',
  }),
  model_config_file_poll_wait_seconds: integer({
    min: 0,
    max: DAY_S,
    default: 0,
    help: 'Seconds between two reads of the file that lists the models (--model_config_file, or --config). 0 = it is not read again.',
  }),
  model_roots: texts({
    default: [],
    placeholder: 'DIR',
    help: 'HandleReloadConfigRequest accepts only base paths under these directories; may be given several times. Files that a remote.yaml names must lie there, too, or beside it; models of a Triton repository there or in the repository. Default with --enable_reload_rpc: the parent directories of the configured base paths; without it there is no limit.',
  }),
  batching_parameters_file: text({
    default: '',
    placeholder: 'FILE',
    help: 'BatchingParameters in protobuf’s text format. Options of the same name override it.',
  }),
  enable_per_model_batching_parameters: flag({
    default: false,
    help: 'Each version’s batching_params.pbtxt sets its batching; a version without that file runs one request at a time.',
  }),
  monitoring_config_file: text({
    default: '',
    placeholder: 'FILE',
    help: 'MonitoringConfig in protobuf’s text format: whether the REST port serves metrics, and at which path. Without the file, it does.',
  }),
  ssl_config_file: text({
    default: '',
    placeholder: 'FILE',
    help: 'SSLConfig in protobuf’s text format: key and certificates, as PEM text, of the gRPC port. Read again when it changes.',
  }),
  rest_api_tls: flag({
    default: false,
    help: 'The REST port uses TLS too. Default: with --tls_cert_file it does, with --ssl_config_file it does not.',
  }),
} satisfies Record<string, Option<unknown>>;
