/** Options of `pillion serve` that name files of configuration, with TensorFlow Serving's names where it has them. */
import { flag, integer, type Option, text, texts } from './option-types.ts';

const DAY_S = 86_400;

export const FILE_OPTIONS = {
  config: text({
    default: '',
    placeholder: 'FILE',
    help: 'pillion.yaml: any of these options, and the models. The command line and the environment go before it.',
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
    help: 'How often the file that lists the models (--model_config_file, or --config) is looked at for a new list, in seconds. 0 = never.',
  }),
  enable_reload_rpc: flag({
    default: false,
    help: 'gRPC clients may replace the list of models (HandleReloadConfigRequest). Whoever reaches the gRPC port may then unload every model.',
  }),
  model_roots: texts({
    default: [],
    placeholder: 'DIR',
    help: 'A model that HandleReloadConfigRequest lists has its base path under one of these; may be given several times. Default: the directories in which the configured base paths lie.',
  }),
  log_root: text({
    default: '',
    placeholder: 'DIR',
    help: 'A request log that HandleReloadConfigRequest asks for is written under this directory. Default: the directories in which the configured logs lie; without such logs none is written.',
  }),
  batching_parameters_file: text({
    default: '',
    placeholder: 'FILE',
    help: 'BatchingParameters in protobuf’s text format. Options of the same name go before it.',
  }),
  enable_per_model_batching_parameters: flag({
    default: false,
    help: 'Each version’s batching_params.pbtxt decides over its batching; a version without one runs one request at a time.',
  }),
  monitoring_config_file: text({
    default: '',
    placeholder: 'FILE',
    help: 'MonitoringConfig in protobuf’s text format: whether the REST port serves metrics, and at which path. Without it, it does.',
  }),
  ssl_config_file: text({
    default: '',
    placeholder: 'FILE',
    help: 'SSLConfig in protobuf’s text format: key and certificates, as PEM text, of the gRPC port.',
  }),
  rest_api_tls: flag({ default: false, help: 'The REST port speaks TLS too, with what --ssl_config_file holds.' }),
} satisfies Record<string, Option<unknown>>;
