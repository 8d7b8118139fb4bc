/** The changes that a request wants: settings by their names, as JSON or protobuf had them. */
import { invalidRequest, ServingError } from '../../core/errors.ts';
import { listNames, quoteName } from '../../core/list-names.ts';

export type SettingValue = boolean | number | string | readonly string[];

/** Undefined: as the server was started. */
export type SettingChanges = ReadonlyMap<string, SettingValue | undefined>;

/** The value is not one that this setting can have. */
export function wrongValue(name: string, value: SettingValue, wants: string): ServingError {
  const text = typeof value === 'string' ? quoteName(value) : JSON.stringify(value).slice(0, 80);
  return invalidRequest(`setting ${quoteName(name)} is ${text}; send ${wants}`);
}

/** Checks a setting that has one value alone here. Throws `unsupported`. */
export function checkFixed(name: string, value: SettingValue | undefined, only: string, why: string): void {
  const sent = Array.isArray(value) && value.length === 1 ? value[0] : value;
  if (sent === undefined || String(sent) === only) return;
  throw new ServingError('unsupported', `setting ${quoteName(name)} cannot be changed: ${why}; leave it out`);
}

/** The refusal of a name that is no setting. */
export function unknownSetting(name: string, known: Iterable<string>): ServingError {
  return invalidRequest(`there is no setting ${quoteName(name)}; the settings are ${listNames(known)}`);
}
