/**
 * A line of the log as an OTLP LogRecord (opentelemetry/proto/logs/v1/logs.proto): its level, its text as the body, the
 * ids of a request's trace, its `event` as the event's name, an error as OpenTelemetry's `exception.*`, and all its other
 * fields as attributes of the same names.
 */
import { type GrowingWriter, UTF8_BYTES_A_UNIT } from '../../codec/protobuf/growing-writer.ts';
import { AttributeKey } from '../../ledger/tracing/span-output.ts';
import { writeAnyValue, writeKeyValue } from '../otlp/key-value.ts';
import { UnixNanos } from '../otlp/unix-nanos.ts';

/** A parsed line. */
export type LogLine = Readonly<Record<string, unknown>>;

/** ScopeLogs.log_records. */
const RECORDS_TAG = 0x12;

/** Tags of LogRecord: number << 3 | wire type. */
const Tag = {
  time: 0x09,
  severity: 0x10,
  severityText: 0x1a,
  body: 0x2a,
  attributes: 0x32,
  traceId: 0x4a,
  spanId: 0x52,
  observedTime: 0x59,
  eventName: 0x62,
} as const;

/** SeverityNumber. */
const SEVERITIES: Readonly<Record<string, number>> = { debug: 5, info: 9, warn: 13, error: 17, fatal: 21 };

/** Said by other fields of the record or the resource. */
const SAID: ReadonlySet<string> = new Set([
  ...['level', 'time', 'msg', 'trace_id', 'span_id', 'event', 'err', 'service'],
]);

const TRACE_ID = /^[0-9a-f]{32}$/;
const SPAN_ID = /^[0-9a-f]{16}$/;

/** An upper bound for all fields of fixed size. */
const FIXED_BYTES = 96;
/** Bytes reserved for a length: most records are longer than 127 bytes. */
const LENGTH = 2;

const EXCEPTION = {
  type: new AttributeKey('exception.type'),
  message: new AttributeKey('exception.message'),
  stack: new AttributeKey('exception.stacktrace'),
} as const;

/** The lines' fields are names of this program's, and few. */
const KEYS = new Map<string, AttributeKey>();
const MAX_KEYS = 512;

export class LogRecordWriter {
  readonly #time = new UnixNanos();
  readonly #version: string;

  /** `version`: the server's. A line about a model has the model's in its place. */
  constructor(version: string) {
    this.#version = version;
  }

  /** @param readAtMs when the line was read: ms since 1970 */
  write(writer: GrowingWriter, line: LogLine, readAtMs: number): void {
    const level = textOf(line['level']);
    writer.reserve(FIXED_BYTES + level.length * UTF8_BYTES_A_UNIT);
    writer.varint(RECORDS_TAG);
    const at = writer.begin(LENGTH);
    const time = line['time'];
    this.#writeTime(writer, Tag.time, typeof time === 'number' ? time : readAtMs);
    this.#writeTime(writer, Tag.observedTime, readAtMs);
    writer.varint(Tag.severity);
    writer.varint(SEVERITIES[level] ?? 0);
    writer.varint(Tag.severityText);
    writer.lengthAndText(level);
    writeId(writer, Tag.traceId, TRACE_ID, line['trace_id']);
    writeId(writer, Tag.spanId, SPAN_ID, line['span_id']);
    writeAnyValue(writer, Tag.body, textOf(line['msg']));
    writeEvent(writer, textOf(line['event']));
    for (const [name, value] of Object.entries(line)) {
      const isSaid = SAID.has(name) || (name === 'version' && value === this.#version);
      if (!isSaid) writeKeyValue(writer, Tag.attributes, keyOf(name), attributeOf(value));
    }
    if (typeof line['err'] === 'object' && line['err'] !== null) writeError(writer, line['err'] as LogLine);
    writer.reserve(FIXED_BYTES);
    writer.end(at, LENGTH);
  }

  #writeTime(writer: GrowingWriter, tag: number, ms: number): void {
    writer.varint(tag);
    this.#time.writeTo(writer, ms);
  }
}

function writeId(writer: GrowingWriter, tag: number, form: RegExp, id: unknown): void {
  if (typeof id !== 'string' || !form.test(id)) return;
  writer.varint(tag);
  writer.varint(id.length / 2);
  writer.hex(id);
}

function writeEvent(writer: GrowingWriter, event: string): void {
  if (event === '') return;
  writer.reserve(FIXED_BYTES + event.length * UTF8_BYTES_A_UNIT);
  writer.varint(Tag.eventName);
  writer.lengthAndText(event);
}

/** Its facts beside type, text and stack are one attribute. */
function writeError(writer: GrowingWriter, { type, message, stack, ...rest }: LogLine): void {
  const facts = { type, message, stack };
  for (const name of ['type', 'message', 'stack'] as const) {
    if (facts[name] !== undefined) writeKeyValue(writer, Tag.attributes, EXCEPTION[name], textOf(facts[name]));
  }
  if (Object.keys(rest).length > 0) writeKeyValue(writer, Tag.attributes, keyOf('err'), attributeOf(rest));
}

/** Lists and objects are JSON: collectors index no deeper. */
function attributeOf(value: unknown): string | number | boolean {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return JSON.stringify(value);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function keyOf(name: string): AttributeKey {
  const known = KEYS.get(name);
  if (known !== undefined) return known;
  const key = new AttributeKey(name);
  if (KEYS.size < MAX_KEYS) KEYS.set(name, key);
  return key;
}
