/** `logging` of a model, which is `logging_config` in TensorFlow Serving's file of models. */
import * as v from 'valibot';
import { type FieldFindings, ModelKey } from '../../config/model-key.ts';
import { about, camelKeys, fields, nonEmptyText, number } from '../../config/yaml/kinds.ts';

/** The supported part of TensorFlow Serving's LoggingConfig. */
export interface RequestLoggingConfig {
  readonly filenamePrefix: string;
  /** Share of the requests, above 0. */
  readonly samplingRate: number;
}

/** The rate of `log=PREFIX` without one. TensorFlow Serving's files always have a rate. */
const DEFAULT_SAMPLING_RATE = 0.01;

/** Both names mean the one collector, which writes TFRecord files. */
const COLLECTOR_TYPES: readonly string[] = ['', 'pillion'];

const SCHEMA = v.pipe(
  fields({
    filename_prefix: about(nonEmptyText, 'Directory and first part of the files’ names.'),
    sampling_rate: about(number(0, 1), 'Share of the requests.'),
  }),
  // A share of 0 means no log.
  v.transform((logging) => (logging.sampling_rate === 0 ? undefined : camelKeys(logging))),
);

export const LOGGING = new ModelKey<RequestLoggingConfig | undefined>({
  name: 'logging',
  schema: SCHEMA,
  help: 'Writes requests to TFRecord files.',
  flags: {
    log: {
      path: ['logging', 'filename_prefix'],
      implied: { sampling_rate: DEFAULT_SAMPLING_RATE },
      help: 'log=PATH_PREFIX',
    },
    log_rate: {
      read: (rate) => (/^-?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(rate) ? Number(rate) : rate),
      path: ['logging', 'sampling_rate'],
      wants: 'a number from 0 to 1, the share of requests to write',
      help: `log_rate=SHARE (default ${DEFAULT_SAMPLING_RATE})`,
      beside: { key: 'log', error: 'log_rate says how much is written; say where with log=PATH_PREFIX' },
    },
  },
  writes: (logging) => ({ path: logging!.filenamePrefix, field: 'filename_prefix', rootOption: 'log_root' }),
  message: { name: 'logging_config', read: (value, findings) => loggingOf(value as LoggingMessage, findings) },
  // A log only observes requests.
  isReadLate: true,
});

interface LoggingMessage {
  readonly logCollectorConfig?: { readonly type: string; readonly filenamePrefix: string };
  readonly samplingConfig?: {
    readonly samplingRate: number;
    readonly attributes: number;
    readonly perTaskSamplingConfigs: readonly unknown[];
  };
  readonly customLoggingConfig?: unknown;
}

function loggingOf(message: LoggingMessage, findings: FieldFindings): RequestLoggingConfig | undefined {
  const { logCollectorConfig: collector, samplingConfig: sampling } = message;
  const type = collector?.type ?? '';
  if (!COLLECTOR_TYPES.includes(type)) {
    const at = 'logging_config.log_collector_config.type';
    findings.error(at, `log collector "${type}" is not known; leave type out, or write "pillion", for TFRecord files`);
  }
  if (message.customLoggingConfig !== undefined) {
    findings.error('logging_config.custom_logging_config', 'custom_logging_config is not supported; leave it out');
  }
  const samplingRate = samplingRateOf(sampling, findings);
  const filenamePrefix = collector?.filenamePrefix ?? '';
  if (samplingRate > 0 && filenamePrefix === '') {
    findings.error('logging_config', 'log_collector_config.filename_prefix is missing: it says where the files go');
  }
  return samplingRate === 0 ? undefined : { filenamePrefix, samplingRate };
}

function samplingRateOf(sampling: LoggingMessage['samplingConfig'], findings: FieldFindings): number {
  const at = 'logging_config.sampling_config';
  const rate = sampling?.samplingRate ?? 0;
  if (!(rate >= 0 && rate <= 1)) findings.error(`${at}.sampling_rate`, `sampling_rate ${rate} is out of range; 0 to 1`);
  if ((sampling?.perTaskSamplingConfigs.length ?? 0) > 0) {
    findings.error(
      `${at}.per_task_sampling_configs[0]`,
      'per_task_sampling_configs are not supported, as a sidecar knows no task number; set sampling_rate alone',
    );
  }
  if ((sampling?.attributes ?? 0) !== 0) {
    const text = "attributes has no effect: a request's origin and criticality are not known here";
    findings.warning(`${at}.attributes`, text);
  }
  return rate;
}
