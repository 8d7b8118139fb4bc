/**
 * Trace and log settings, as the protocol's extensions of these names tell them. They are read only: what is traced and
 * logged is decided where the server is started, and no caller chooses a file.
 *
 * https://github.com/triton-inference-server/server, docs/protocol/extension_{trace,logging}.md
 */
import { ServingError } from '../../../core/errors.ts';

/** Each setting is a list of texts. */
export type TraceSettings = ReadonlyMap<string, readonly string[]>;

/** A flag, a count, or a text. */
export type LogSettings = ReadonlyMap<string, boolean | number | string>;

/** How the server was started. */
export interface ServerSettings {
  /** `--log_level`. */
  readonly logLevel: string;
  /** Spans are exported. */
  readonly isTracing: boolean;
}

/** From the most lines to the fewest. */
const LEVELS: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
const INFO = LEVELS.indexOf('info');

/** All settings, of every model: there is one rule for all. */
export function traceSettings({ isTracing }: ServerSettings): TraceSettings {
  return new Map([
    ['trace_level', [isTracing ? 'TIMESTAMPS' : 'OFF']],
    ['trace_mode', ['opentelemetry']],
    ['trace_count', ['-1']],
    ['log_frequency', ['0']],
    ['trace_file', ['']],
  ]);
}

export function logSettings({ logLevel }: ServerSettings): LogSettings {
  const level = LEVELS.indexOf(logLevel);
  const logs = (name: string): boolean => level <= LEVELS.indexOf(name);
  return new Map<string, boolean | number | string>([
    ['log_file', ''],
    ['log_info', logs('info')],
    ['log_warning', logs('warn')],
    ['log_error', logs('error')],
    ['log_verbose_level', Math.max(0, INFO - level)],
    ['log_format', 'ISO8601'],
  ]);
}

/** Call it with the settings that a request wants to change; it refuses any. Throws `unsupported`. */
export function checkNoChanges(what: 'trace' | 'log', names: Iterable<string>): void {
  for (const name of names) {
    const how = what === 'log' ? '--log_level' : 'the OTEL_ variables, such as OTEL_TRACES_SAMPLER';
    throw new ServingError(
      'unsupported',
      `${what} setting ${JSON.stringify(name.slice(0, 80))} cannot be changed by request; start the server with ${how}`,
    );
  }
}
