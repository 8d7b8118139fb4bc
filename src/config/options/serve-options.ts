/**
 * The table of `pillion serve`'s options: name, unit, default, help text. --help and the readers of the command line,
 * the environment and pillion.yaml use it. An option that TensorFlow Serving has too keeps its name and meaning.
 *
 * A value comes from the command line (--port=8500 or --port 8500), else from the environment (PILLION_PORT), else from
 * the file that --config names, else it is the default.
 */

import type { ConfigKeys, OptionTable } from '../read-options.ts';
import { BATCHING_OPTIONS } from './batching-options.ts';
import { CONNECTION_OPTIONS } from './connection-options.ts';
import { FILE_OPTIONS } from './file-options.ts';
import { HOST_OPTIONS } from './host-options.ts';
import { LIMIT_OPTIONS } from './limit-options.ts';
import { LISTENER_OPTIONS } from './listener-options.ts';
import { LOADING_OPTIONS } from './loading-options.ts';
import { OPERATOR_OPTIONS } from './operator-options.ts';
import { COUNT, flag, integer, type Option, text, texts } from './option-types.ts';
import { TLS_OPTIONS } from './tls-options.ts';

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
    help: 'Another model; may be given several times. Keys: backend (a runtime, or auto: the fastest), provider (cpu, cuda; default execution_provider), host, slo_ms, weight (share of the cores; default 1), versions (latest:N, all, or 3+7), label.NAME=VERSION, breaker=off.',
  }),
  ...FILE_OPTIONS,
  ...LISTENER_OPTIONS,
  ...TLS_OPTIONS,
  ...CONNECTION_OPTIONS,
  ...LIMIT_OPTIONS,
  ...BATCHING_OPTIONS,
  ...HOST_OPTIONS,
  enable_serialization_as_tensor_content: flag({
    default: false,
    help: 'gRPC answers carry tensor_content instead of the typed fields that most clients read.',
  }),
  ignore_unknown_inputs: flag({
    default: false,
    help: 'Over REST, keys of columnar "inputs" that the signature does not have are ignored, as in TensorFlow Serving. Without it they are an error, which tells of a misspelt name.',
  }),
  ...LOADING_OPTIONS,
  ...OPERATOR_OPTIONS,
  drain_delay_ms: integer({
    ...COUNT,
    default: 0,
    help: 'After SIGTERM or `pillion drain`, how long the server is not ready but still serves, for balancers that notice late. Then the drain begins.',
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

/** All options that `pillion serve` has with these features. */
export function serveOptions({ options, modelKeys }: ConfigKeys): OptionTable {
  const flags = modelKeys.flatMap((key) => Object.entries(key.flags).map(([name, { help = name }]) => help));
  const { model } = SERVE_OPTIONS;
  const help = [model.help.slice(0, -1), ...flags].join(', ');
  return { ...SERVE_OPTIONS, model: { ...model, help: `${help}.` }, ...options };
}

/** All that the configuration of `pillion serve` may say with these features. */
export function serveKeys(features: ConfigKeys): ConfigKeys {
  return { ...features, options: serveOptions(features) };
}

type Table = typeof SERVE_OPTIONS;
export type ServeOptions = { readonly [K in keyof Table]: Table[K] extends Option<infer T> ? T : never };
