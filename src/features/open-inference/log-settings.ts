/**
 * The log's settings. Triton has a switch for each level; this log writes all lines from a level on, so the switches
 * are in order:
 *
 *   level               debug   info   warn   error   fatal, silent
 *   log_verbose_level   1       0      0      0       0
 *   log_info            true    true   false  false   false
 *   log_warning         true    true   true   false   false
 *   log_error           true    true   true   true    false
 */
import { invalidRequest } from '../../core/errors.ts';
import { LOG_LEVELS, type LogLevel } from '../../ledger/log/log.ts';
import { checkFixed, type SettingChanges, type SettingValue, unknownSetting, wrongValue } from './setting-changes.ts';

/** A flag, a count, or a text. */
export type LogSettings = ReadonlyMap<string, boolean | number | string>;

/** The log, of which the level can be changed. */
export interface LevelledLog {
  readonly level: string;
  setLevel(level: LogLevel): void;
}

/** The switches in order: a level turns on one of them, and all behind it. */
const SWITCHES = ['log_verbose_level', 'log_info', 'log_warning', 'log_error'] as const;
type Switch = (typeof SWITCHES)[number];

const MAX_VERBOSE_LEVEL = 2 ** 32 - 1;

export class LogLevels {
  readonly #log: LevelledLog;
  readonly #started: LogLevel;

  constructor(log: LevelledLog) {
    this.#log = log;
    this.#started = log.level as LogLevel;
  }

  get settings(): LogSettings {
    const isOn = switchesOf(this.#log.level);
    return new Map<string, boolean | number | string>([
      ['log_file', ''],
      ['log_info', isOn('log_info')],
      ['log_warning', isOn('log_warning')],
      ['log_error', isOn('log_error')],
      ['log_verbose_level', Number(isOn('log_verbose_level'))],
      ['log_format', 'default'],
    ]);
  }

  /** Makes all changes or none. Throws ServingError. */
  change(changes: SettingChanges): void {
    const wanted = new Map<Switch, boolean>();
    const started = switchesOf(this.#started);
    for (const [name, value] of changes) {
      if (isSwitch(name)) wanted.set(name, value === undefined ? started(name) : switchValue(name, value));
      else if (name === 'log_file')
        checkFixed(name, value, '', 'the log goes to standard error, and no caller chooses a file');
      else if (name === 'log_format') checkFixed(name, value, 'default', 'each line is a JSON object');
      else throw unknownSetting(name, this.settings.keys());
    }
    if (wanted.size > 0) this.#log.setLevel(this.#levelOf(wanted));
  }

  #levelOf(wanted: ReadonlyMap<Switch, boolean>): LogLevel {
    const current = switchesOf(this.#log.level);
    const isOn = (name: Switch): boolean => wanted.get(name) ?? current(name);
    const first = SWITCHES.findIndex(isOn);
    const off = first === -1 ? undefined : SWITCHES.slice(first).find((name) => !isOn(name));
    if (off !== undefined) {
      throw invalidRequest(
        `${SWITCHES[first]} is on and ${off} is off, but this log writes all lines from a level on; send ` +
          `${SWITCHES[first]} ${first === 0 ? 0 : false} or ${off} true too`,
      );
    }
    // It may have been started with less than errors.
    const isAsStarted = SWITCHES.every((name) => isOn(name) === switchesOf(this.#started)(name));
    return isAsStarted ? this.#started : LOG_LEVELS[first === -1 ? LOG_LEVELS.indexOf('fatal') : first]!;
  }
}

function switchesOf(level: string): (name: Switch) => boolean {
  const at = LOG_LEVELS.indexOf(level as LogLevel);
  return (name) => at <= SWITCHES.indexOf(name);
}

function isSwitch(name: string): name is Switch {
  return SWITCHES.includes(name as Switch);
}

function switchValue(name: Switch, value: SettingValue): boolean {
  if (name !== 'log_verbose_level') {
    if (typeof value === 'boolean') return value;
    throw wrongValue(name, value, 'true or false');
  }
  const isCount = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_VERBOSE_LEVEL;
  if (!isCount) throw wrongValue(name, value, 'a whole number: 0 for none, 1 and more for lines of the level debug');
  return value > 0;
}
