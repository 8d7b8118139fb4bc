import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import { createLogger, type LogLevel } from '../../../../src/ledger/log/log.ts';
import { LINES_PER_SECOND } from '../../../../src/ledger/log/request-log.ts';
import { FrontedLog } from '../../../../src/proxy/fronting/telemetry/fronted-log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { traceOf } from '../../../support/telemetry-records.ts';
import { type FrontedFacts, frontedRecord } from '../fronted-record.ts';

/** The lines of such records, without their time. */
function linesOf(all: readonly FrontedFacts[], level: LogLevel = 'info'): readonly Record<string, unknown>[] {
  const clock = new FakeClock();
  const lines: string[] = [];
  const logger = createLogger({ level, clock, destination: { write: (line) => lines.push(line) } });
  const log = new FrontedLog({ logger, clock, traceUrl: () => undefined });
  for (const facts of all) log.write(frontedRecord(facts));
  log.close();
  return lines.map((line) => {
    const { time: _, ...fields } = JSON.parse(line) as Record<string, unknown>;
    return fields;
  });
}

const UNAVAILABLE = { outcome: 'app_unavailable', error: new ServingError('app_unavailable', 'not there') } as const;

it('a failure has a line, with its ids and its path, without the query', () => {
  const trace = traceOf('a');
  assert.deepEqual(linesOf([{ ...UNAVAILABLE, trace }]), [
    {
      level: 'warn',
      request_id: 'mine',
      trace_id: trace.traceId,
      span_id: trace.spanId,
      surface: 'app',
      method: 'GET',
      path: '/cart',
      outcome: 'app_unavailable',
      status: 503,
      ms: 50,
      peer: '192.0.2.7:1234',
      msg: 'not there',
    },
  ]);
});

it('whose fault it is says how loud it is; an answer of 500 is an answer', () => {
  const invalid = { outcome: 'invalid_request', error: new ServingError('invalid_request', 'two lengths') } as const;
  const all: readonly FrontedFacts[] = [
    ...([invalid, { outcome: 'app_cut' }, { outcome: 'client_stalled' }] as const),
    ...([{ status: 500 }, { outcome: 'client_left' }] as const),
  ];
  const levels = (level: LogLevel) => linesOf(all, level).map(({ level: told, outcome }) => [told, outcome]);
  const failures = [
    ['info', 'invalid_request'],
    ['warn', 'app_cut'],
    ['info', 'client_stalled'],
  ];
  assert.deepEqual(levels('info'), failures);
  assert.deepEqual(levels('debug'), [...failures, ['debug', 'ok'], ['debug', 'client_left']]);
});

it('of very many alike a few lines are written, and their number', () => {
  const lines = linesOf(Array.from({ length: LINES_PER_SECOND + 7 }, () => UNAVAILABLE));
  assert.equal(lines.length, LINES_PER_SECOND + 1);
  assert.deepEqual([lines.at(-1)!['outcome'], lines.at(-1)!['lines']], ['app_unavailable', 7]);
});
