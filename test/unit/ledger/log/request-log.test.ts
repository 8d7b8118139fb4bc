import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ErrorKind, ServingError } from '../../../../src/core/errors.ts';
import { createLogger, type LogLevel } from '../../../../src/ledger/log/log.ts';
import { RequestLog } from '../../../../src/ledger/log/request-log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { requestRecord, traceOf } from '../../../support/telemetry-records.ts';

function requestLog(level: LogLevel = 'debug') {
  const lines: Record<string, unknown>[] = [];
  const clock = new FakeClock();
  const destination = { write: (line: string) => lines.push(JSON.parse(line)) };
  const logger = createLogger({ level, clock, destination });
  return { log: new RequestLog({ logger, clock }), clock, lines };
}

function failed(kind: ErrorKind, cause?: unknown) {
  return requestRecord({ outcome: kind, error: new ServingError(kind, `it was ${kind}`, { cause }) });
}

it('a request that went well is one line at debug, with what is needed to find its trace', () => {
  const { log, lines, clock } = requestLog();
  log.write(requestRecord({ trace: traceOf('a') }));
  assert.deepEqual(lines, [
    {
      level: 'debug',
      time: clock.wallMs(),
      request_id: 'request-1',
      trace_id: 'a'.repeat(32),
      span_id: 'a'.repeat(16),
      surface: 'grpc',
      method: 'Predict',
      model: 'digits',
      version: '3',
      outcome: 'ok',
      stage: 'encode',
      ms: 36,
      rows: 2,
      peer: '10.1.2.3:50123',
      msg: 'request served',
    },
  ]);
});

it('a request that another model answered says whose place it took, and why', () => {
  const { log, lines } = requestLog();
  log.write(requestRecord({ fallback: { asked: 'large', reason: 'degraded', at: 1 } }));
  const [{ model, asked, fallback }] = lines as [Record<string, unknown>];
  assert.deepEqual([model, asked, fallback], ['digits', 'large', 'degraded']);
});

it('a request that went well is no line at info', () => {
  const { log, lines } = requestLog('info');
  log.write(requestRecord());
  assert.deepEqual(lines, []);
});

describe('a failure is written at the level of whose fault it is', () => {
  const levels: readonly (readonly [ErrorKind, string])[] = [
    ['invalid_request', 'info'],
    ['overloaded', 'info'],
    ['cancelled', 'info'],
    ['deadline_exceeded', 'warn'],
    ['worker_lost', 'warn'],
    ['backend_failed', 'warn'],
    ['internal', 'error'],
  ];
  for (const [kind, level] of levels) {
    it(`${kind}: ${level}`, () => {
      const { log, lines } = requestLog();
      log.write(failed(kind));
      assert.deepEqual([lines[0]?.['level'], lines[0]?.['msg']], [level, `it was ${kind}`]);
    });
  }
});

it('the cause of a defect is in the log', () => {
  const { log, lines } = requestLog();
  log.write(failed('internal', new RangeError('offset out of bounds')));
  assert.match(JSON.stringify(lines[0]?.['err']), /RangeError.*offset out of bounds/);
});

it('a storm of one kind is ten lines a second and one with the number of the rest; others are still seen', () => {
  const { log, lines, clock } = requestLog();
  for (let i = 0; i < 1000; i++) log.write(failed('overloaded'));
  assert.equal(lines.length, 10);
  log.write(failed('invalid_request'));
  assert.equal(lines.length, 11);
  clock.advance(1000);
  assert.deepEqual([lines.length, lines[11]?.['outcome'], lines[11]?.['lines']], [12, 'overloaded', 990]);
});

it('what a caller can make long is cut', () => {
  const { log, lines } = requestLog();
  log.write(requestRecord({ id: 'i'.repeat(10_000), peer: 'p'.repeat(10_000) }));
  assert.ok(JSON.stringify(lines[0]).length < 2000);
});
