/** Bytes of log records are read back as those that OpenTelemetry's serializer writes of the same records. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import fc from 'fast-check';
import { GrowingWriter } from '../../../src/codec/protobuf/growing-writer.ts';
import { bytesField, message, messageField } from '../../../src/codec/protobuf/wire-writer.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { LogRecordWriter } from '../../../src/features/otlp-logs/log-record.ts';
import { createLogger } from '../../../src/ledger/log/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { decodeLogs, type LogRecordMessage } from '../../support/otlp-log-messages.ts';

const READ_AT_MS = 1_796_120_209_123;

/** What a collector reads of a line. */
function recordOf(line: Readonly<Record<string, unknown>>): LogRecordMessage {
  const writer = new GrowingWriter(16);
  new LogRecordWriter('1').write(writer, line, READ_AT_MS);
  const records = writer.buffer.subarray(0, writer.position);
  const scope = messageField(1, message(bytesField(1, 'pillion'), bytesField(2, '1')));
  const scopeLogs = messageField(2, Buffer.concat([scope, records]));
  const read = decodeLogs(Buffer.from(messageField(1, scopeLogs)));
  const [record, ...others] = read.resourceLogs[0]!.scopeLogs[0]!.logRecords;
  assert.equal(others.length, 0);
  return record!;
}

const id = (digits: number) =>
  fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`)).filter((text) => /[^0]/.test(text));
const text = fc.oneof(fc.string({ maxLength: 200 }), fc.string({ unit: 'grapheme', maxLength: 400 }));
const value = fc.oneof(text, fc.boolean(), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }));
const NAMES = ['request_id', 'surface', 'ms', 'rows', 'peer', 'outcome'];

test('as OpenTelemetry’s serializer has it', () => {
  const facts = fc.record({
    level: fc.constantFrom('debug' as const, 'info' as const, 'warn' as const, 'error' as const, 'fatal' as const),
    time: fc.integer({ min: 0, max: 4e12 }),
    msg: text,
    event: fc.constantFrom('ready', 'drained', 'machine'),
    trace_id: id(32),
    span_id: id(16),
    fields: fc.dictionary(fc.constantFrom(...NAMES), value),
  });
  const severities = { debug: 5, info: 9, warn: 13, error: 17, fatal: 21 };
  const resource = resourceFromAttributes({});
  fc.assert(
    fc.property(facts, ({ level, time, msg, event, trace_id, span_id, fields }) => {
      const ours = recordOf({
        level,
        time,
        service: 'pillion',
        version: '1',
        event,
        ...fields,
        trace_id,
        span_id,
        msg,
      });
      const theirs = ProtobufLogsSerializer.serializeRequest([
        {
          hrTime: [Math.floor(time / 1000), (time % 1000) * 1e6],
          hrTimeObserved: [Math.floor(READ_AT_MS / 1000), (READ_AT_MS % 1000) * 1e6],
          spanContext: { traceId: trace_id, spanId: span_id, traceFlags: 0 },
          severityText: level,
          severityNumber: severities[level],
          body: msg,
          eventName: event,
          resource,
          instrumentationScope: { name: 'pillion', version: '1' },
          attributes: fields,
          droppedAttributesCount: 0,
        },
      ])!;
      assert.deepEqual(ours, decodeLogs(Buffer.from(theirs)).resourceLogs[0]!.scopeLogs[0]!.logRecords[0]);
    }),
  );
});

test('a line of the server’s own log: its error becomes attributes of OpenTelemetry’s names', () => {
  const lines: string[] = [];
  const logger = createLogger({ level: 'info', clock: new FakeClock(), destination: { write: () => undefined } });
  logger.follow((line) => lines.push(line));
  const cause = new RangeError('too long');
  logger.child({ component: 'x' }).error({ err: new ServingError('backend_failed', 'no', { cause }) }, 'it broke');
  logger.debug({}, 'not written');
  logger.info({ names: ['a', 'b'], nothing: null }, '');
  assert.equal(lines.length, 2);
  const [failed, listed] = lines.map((line) => recordOf(JSON.parse(line)));
  const said = Object.fromEntries(failed!.attributes.map(({ key, value }) => [key, value?.stringValue]));
  assert.deepEqual([said['component'], said['exception.message']], ['x', 'no']);
  assert.match(String(said['err']), /"kind":"backend_failed".*"cause":\{"type":"RangeError"/);
  assert.deepEqual([failed!.body.stringValue, failed!.severityNumber, failed!.traceId.length], ['it broke', 17, 0]);
  assert.deepEqual(
    listed!.attributes.map(({ key, value }) => [key, value?.stringValue]),
    [
      ['names', '["a","b"]'],
      ['nothing', 'null'],
    ],
  );
});

test('a line about a model has the version of the model, and none of the server', () => {
  const lines: string[] = [];
  const destination = { write: () => undefined };
  const base = { service: 'pillion', version: '1' };
  const logger = createLogger({ level: 'info', clock: new FakeClock(), base, destination });
  logger.follow((line) => lines.push(line));
  logger.info({ model: 'digits', version: '3' }, 'a model');
  logger.info({}, 'the server');
  const attributes = lines.map((line) =>
    recordOf(JSON.parse(line)).attributes.map(({ key, value }) => `${key}=${value?.stringValue}`),
  );
  assert.deepEqual(attributes, [['version=3', 'model=digits'], []]);
});
