/** The body of a request that changes settings: a JSON object of them, or nothing. */
import type { Buffer } from 'node:buffer';
import { CLOSE_OBJECT } from '../../../codec/json/json-chars.ts';
import { JsonCursor } from '../../../codec/json/json-cursor.ts';
import { checkNameCount } from '../../../codec/open-inference/infer-request.ts';
import { invalidRequest, ServingError } from '../../../core/errors.ts';
import { quoteName } from '../../../core/list-names.ts';
import type { SettingChanges, SettingValue } from '../setting-changes.ts';

const MAX_BYTES = 128 * 1024;
const MAX_DEPTH = 2;

/** `null`: as the server was started. The first of two equal keys counts. Throws ServingError. */
export function readSettings(body: Buffer): SettingChanges {
  if (body.length > MAX_BYTES) {
    throw new ServingError('too_large', `the body has ${body.length} bytes, and ${MAX_BYTES} are the most`);
  }
  const settings = new Map<string, SettingValue | undefined>();
  const cursor = new JsonCursor(MAX_DEPTH);
  cursor.open(body);
  if (cursor.skipSpace() === undefined) return settings;
  cursor.openObject(body, 'the settings', '{}, to read the settings');
  for (let more = cursor.enter(CLOSE_OBJECT); more; more = cursor.hasNext(CLOSE_OBJECT)) {
    const name = cursor.key();
    cursor.skipSpace();
    const start = cursor.at;
    cursor.skipValue();
    if (settings.has(name)) continue;
    settings.set(name, settingOf(name, body.toString('utf8', start, cursor.at)));
    checkNameCount('the body', settings.size);
  }
  cursor.expectEnd();
  return settings;
}

function settingOf(name: string, text: string): SettingValue | undefined {
  const value = parsed(text);
  if (value === null) return undefined;
  const isList = Array.isArray(value) && value.every((each) => typeof each === 'string');
  if (isList || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string') {
    return value as SettingValue;
  }
  throw invalidRequest(
    `setting ${quoteName(name)} is ${text.slice(0, 40)}; send a text, a number, true, false or null`,
  );
}

/** Undefined where the cursor takes more than JSON has, such as NaN. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
