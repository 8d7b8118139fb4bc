import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import { forwardedLine, inferenceLine } from '../../../src/features/access-log/access-line.ts';
import { fullStages, requestRecord, traceOf } from '../../support/telemetry-records.ts';
import { forwardedRecord } from './forwarded-record.ts';

const WALL = 1_700_000_000_000;

describe('the line of a request for the application', () => {
  it('has what was asked, how it ended, and how long it took; no query', () => {
    const trace = traceOf('a');
    const line = forwardedLine(forwardedRecord({ trace, status: 404 }), WALL);
    assert.deepEqual(JSON.parse(line), {
      time: WALL + 100,
      surface: 'app',
      request_id: 'mine',
      trace_id: trace.traceId,
      peer: '192.0.2.7:1234',
      route: 'http',
      method: 'GET',
      path: '/cart',
      protocol: '1.1',
      status: 404,
      outcome: 'ok',
      request_bytes: 5,
      response_bytes: 7,
      ms: 50,
      head_ms: 10,
      user_agent: 'curl/8',
    });
    assert.doesNotMatch(line, /hidden/);
  });

  it('has no status and no time to the head where there is none', () => {
    const record = forwardedRecord({ outcome: 'client_left', status: 0, headAt: 0 }, { userAgent: undefined });
    const told = JSON.parse(forwardedLine(record, WALL)) as Record<string, unknown>;
    for (const absent of ['status', 'head_ms', 'trace_id', 'user_agent']) assert.ok(!(absent in told), absent);
  });

  it('is one line of printable ASCII, whatever a peer sends', () => {
    const evil = '"}\n{"time":1,"forged":true}\r\u001b[2J\u009b1m\u007f\u2028\ud800\u0000é\\';
    const record = forwardedRecord({ id: evil, path: `/${evil}` }, { method: evil, userAgent: evil, peer: evil });
    const line = forwardedLine(record, WALL);
    assert.match(line, /^[ -~]+\n$/);
    const told = JSON.parse(line) as Record<string, unknown>;
    assert.equal(told['user_agent'], evil);
    assert.equal(told['path'], `/${evil}`);
    assert.equal('forged' in told, false);
  });

  it('is bounded, though nothing that a peer sends is', () => {
    const long = '\u0080'.repeat(100_000);
    const record = forwardedRecord({ id: long, path: `/${long}` }, { method: long, userAgent: long, peer: long });
    assert.ok(forwardedLine(record, WALL).length < 16_384);
  });
});

describe('the line of a request for inference', () => {
  it('over REST has the model, the version and the status', () => {
    const record = requestRecord({ surface: 'rest', userAgent: 'python', trace: undefined });
    const told = JSON.parse(inferenceLine(record, WALL)) as Record<string, unknown>;
    assert.deepEqual(told, {
      time: WALL + fullStages().startedAt,
      surface: 'rest',
      request_id: record.id,
      peer: record.peer,
      method: record.method,
      model: record.model,
      version: record.version,
      status: 200,
      outcome: 'ok',
      request_bytes: record.requestBytes,
      response_bytes: record.responseBytes,
      ms: record.stages.finishedAt - record.stages.startedAt,
      user_agent: 'python',
    });
  });

  it('over gRPC has gRPC’s status, of failures too, and no model that was not found', () => {
    const error = new ServingError('model_not_found', 'no such model');
    const record = requestRecord({ surface: 'grpc', model: '', version: '', outcome: error.kind, error });
    const told = JSON.parse(inferenceLine(record, WALL)) as Record<string, unknown>;
    assert.deepEqual([told['grpc_status'], told['status'], told['outcome']], [5, undefined, 'model_not_found']);
    assert.ok(!('model' in told));
  });
});
