/**
 * The small messages of grpc_service.proto: questions about the server and its models, and their answers. Values are
 * the shared layer's own; this file knows field numbers alone.
 */
import { lengthDelimited, varintTag, WireReader } from '../protobuf/wire-reader.ts';
import { mapField, message, messageField, varintField } from '../protobuf/wire-writer.ts';
import { checkNameCount } from './infer-request.ts';
import { shortText } from './short-text.ts';

/** ModelReadyRequest, ModelMetadataRequest, ModelConfigRequest, ModelStatisticsRequest. */
export interface ModelQuestion {
  readonly name: string;
  readonly version: string;
}

/** Fields: 1 name, 2 version. `what` is the message's name. Throws ServingError. */
export function readModelQuestion(bytes: Uint8Array, what: string): ModelQuestion {
  const reader = new WireReader(bytes, what);
  let name = '';
  let version = '';
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) name = shortText(reader, 'name');
    else if (reader.tag === lengthDelimited(2)) version = shortText(reader, 'version');
    else reader.skip();
  }
  return { name, version };
}

/** The settings by name; undefined = the setting has no value: it is to be as the server was started. */
type Settings<Value> = ReadonlyMap<string, Value | undefined>;

/** TraceSettingRequest: 1 settings map<string, {1 value, repeated}>, 2 model_name. */
export function readTraceSettings(bytes: Uint8Array): {
  readonly model: string;
  readonly settings: Settings<readonly string[]>;
} {
  const reader = new WireReader(bytes, 'TraceSettingRequest');
  const settings = new Map<string, readonly string[] | undefined>();
  let model = '';
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) readSetting(reader, settings, traceValue);
    else if (reader.tag === lengthDelimited(2)) model = shortText(reader, 'model_name');
    else reader.skip();
  }
  return { model, settings };
}

/** LogSettingsRequest: 1 settings map<string, {1 bool, 2 uint32, 3 string}>. */
export function readLogSettings(bytes: Uint8Array): Settings<boolean | number | string> {
  const reader = new WireReader(bytes, 'LogSettingsRequest');
  const settings = new Map<string, boolean | number | string | undefined>();
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) readSetting(reader, settings, logValue);
    else reader.skip();
  }
  return settings;
}

/** An entry of the map; `read` moves the reader past the fields of its value. */
function readSetting<Value>(
  reader: WireReader,
  settings: Map<string, Value | undefined>,
  read: (reader: WireReader) => Value | undefined,
): void {
  const outer = reader.enter();
  let name = '';
  let value: Value | undefined;
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) name = shortText(reader, 'the name of a setting');
    else if (reader.tag === lengthDelimited(2)) {
      const around = reader.enter();
      value = read(reader);
      reader.leave(around);
    } else reader.skip();
  }
  reader.leave(outer);
  settings.set(name, value);
  checkNameCount('settings', settings.size);
}

function traceValue(reader: WireReader): readonly string[] | undefined {
  const values: string[] = [];
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) checkNameCount('a setting', values.push(shortText(reader, 'a setting')));
    else reader.skip();
  }
  return values.length === 0 ? undefined : values;
}

function logValue(reader: WireReader): boolean | number | string | undefined {
  let value: boolean | number | string | undefined;
  while (reader.next()) {
    if (reader.tag === varintTag(1)) value = reader.int64() !== 0n;
    else if (reader.tag === varintTag(2)) value = reader.varint();
    else if (reader.tag === lengthDelimited(3)) value = shortText(reader, 'a setting');
    else reader.skip();
  }
  return value;
}

/** TraceSettingResponse: 1 settings map<string, {1 value}>. */
export function traceSettingResponse(settings: ReadonlyMap<string, readonly string[]>): Uint8Array {
  const entries = [...settings].map(([name, values]) =>
    mapField(1, name, message(...values.map((value) => messageField(1, value)))),
  );
  return message(...entries);
}

/** LogSettingsResponse: 1 settings map<string, {1 bool, 2 uint32, 3 string}>. */
export function logSettingsResponse(settings: ReadonlyMap<string, boolean | number | string>): Uint8Array {
  return message(...[...settings].map(([name, value]) => mapField(1, name, logSetting(value))));
}

/** A value of a oneof is written even if it is the default. */
function logSetting(value: boolean | number | string): Uint8Array {
  if (typeof value === 'string') return messageField(3, value);
  const field = varintTag(typeof value === 'boolean' ? 1 : 2);
  return Number(value) === 0 ? Uint8Array.of(field, 0) : varintField(field >>> 3, value);
}
