/**
 * Trace and log settings, as the protocol's extensions of these names have them. They are of the whole process, and are
 * told to everybody. With --allow_client_settings callers may change what has a meaning here, until the process ends:
 *
 *   log_error, log_warning, log_info, log_verbose_level    the lowest level that is written (log-settings.ts)
 *   trace_level, trace_rate                                whether, and which requests are traced (trace-settings.ts)
 *
 * A setting without a value returns to that of the server's start. No caller chooses a file. A setting that has a
 * single value here may be sent with that value, so that the settings that were read can be sent back.
 *
 * https://github.com/triton-inference-server/server, docs/protocol/extension_{trace,logging}.md
 */
import { ServingError, toServingError } from '../../core/errors.ts';
import type { AuditLog } from '../../ledger/log/audit-log.ts';
import type { Sampling } from '../../ledger/tracing/sampling.ts';
import type { RequestContext } from '../../proxy/request-context.ts';
import { type LevelledLog, LogLevels, type LogSettings } from './log-settings.ts';
import type { SettingChanges } from './setting-changes.ts';
import { changeTracing, type TraceSettings, traceSettings } from './trace-settings.ts';

export interface ServerSettingsParts {
  readonly log: LevelledLog;
  /** Undefined: no spans are exported. */
  readonly sampling: Sampling | undefined;
  /** Callers may change settings. */
  readonly areChangeable: boolean;
  readonly audit?: AuditLog | undefined;
}

export class ServerSettings {
  readonly #parts: ServerSettingsParts;
  readonly #levels: LogLevels;

  constructor(parts: ServerSettingsParts) {
    this.#parts = parts;
    this.#levels = new LogLevels(parts.log);
  }

  /** The settings of every model: there is one rule for all. */
  get trace(): TraceSettings {
    return traceSettings(this.#parts.sampling);
  }

  get log(): LogSettings {
    return this.#levels.settings;
  }

  /** Makes all changes or none. `model`: '' = of all. Throws ServingError (invalid_request, unsupported). */
  changeTrace(changes: SettingChanges, model: string, context: RequestContext): void {
    this.#change(changes, context, () => {
      if (model !== '') {
        throw new ServingError(
          'unsupported',
          'all models are traced by one rule here; send the settings without a model',
        );
      }
      changeTracing(this.#parts.sampling, changes);
    });
  }

  /** Makes all changes or none. Throws ServingError (invalid_request, unsupported). */
  changeLog(changes: SettingChanges, context: RequestContext): void {
    this.#change(changes, context, () => this.#levels.change(changes));
  }

  #change(changes: SettingChanges, context: RequestContext, change: () => void): void {
    const { areChangeable, audit } = this.#parts;
    // Undefined restores the setting of the server's start, which settings that cannot be changed have all the time.
    if (changes.size === 0 || (!areChangeable && [...changes.values()].every((value) => value === undefined))) return;
    if (!areChangeable) {
      throw new ServingError(
        'unsupported',
        'the settings of this server cannot be changed by request; whoever runs it can allow that with ' +
          '--allow_client_settings, or start it with another --log_level or OTEL_TRACES_SAMPLER',
      );
    }
    try {
      change();
    } catch (thrown) {
      audit?.request(context, 'failed', toServingError(thrown));
      throw thrown;
    }
    audit?.request(context, 'done');
  }
}
