import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import { createLogger, type LogLevel } from '../../../../src/ledger/log/log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

function logger(level: LogLevel = 'info') {
  const lines: string[] = [];
  const clock = new FakeClock();
  const base = { service: 'pillion' };
  const log = createLogger({ level, clock, base, destination: { write: (line) => lines.push(line) } });
  const parsed = (): Record<string, unknown>[] => lines.map((line) => JSON.parse(line));
  return { log, clock, parsed, lines };
}

describe('a line', () => {
  it('is one JSON object with its level by name, the injected time and the base fields', () => {
    const { log, clock, lines, parsed } = logger();
    clock.advance(500);
    log.info({ port: 8500 }, 'listening');
    assert.equal(lines[0]?.indexOf('\n'), lines[0]!.length - 1);
    assert.deepEqual(parsed(), [
      { level: 'info', time: clock.wallMs(), service: 'pillion', port: 8500, msg: 'listening' },
    ]);
  });

  it('is not written under the level', () => {
    const { log, parsed } = logger('warn');
    log.info({}, 'no');
    log.warn({}, 'yes');
    assert.deepEqual(
      parsed().map((line) => line['msg']),
      ['yes'],
    );
    assert.ok(!log.isLevelEnabled('info') && log.isLevelEnabled('error'));
  });

  it('cannot be broken by what a caller sent', () => {
    const { log, lines, parsed } = logger();
    log.info({ request_id: 'a"\n{"level":"fatal"}' }, 'x');
    assert.equal(lines.length, 1);
    assert.equal(parsed()[0]?.['request_id'], 'a"\n{"level":"fatal"}');
  });
});

it('a new level holds for the logger and for all its children', () => {
  const { log, parsed } = logger('error');
  const child = log.child({ component: 'models' });
  child.debug({}, 'before');
  log.setLevel('debug');
  child.debug({}, 'after');
  assert.equal(log.level, 'debug');
  assert.deepEqual(
    parsed().map((line) => [line['component'], line['msg']]),
    [['models', 'after']],
  );
});

it('a steady logger keeps the level that it was made with', () => {
  const { log, parsed } = logger('info');
  const steady = log.steady();
  log.setLevel('silent');
  log.info({}, 'hidden');
  steady.info({}, 'there');
  assert.deepEqual(
    parsed().map((line) => line['msg']),
    ['there'],
  );
});

describe('an error', () => {
  const errOf = (error: unknown): Record<string, unknown> => {
    const { log, parsed } = logger();
    log.error({ err: error }, 'failed');
    return parsed()[0]?.['err'] as Record<string, unknown>;
  };

  it('of ours is logged with its kind, facts and cause, without a stack', () => {
    const cause = new TypeError('bad weights');
    const err = errOf(new ServingError('load_failed', 'cannot open', { cause, attributes: { file: 'm.onnx' } }));
    assert.equal(err['kind'], 'load_failed');
    assert.equal(err['file'], 'm.onnx');
    assert.equal(err['stack'], undefined);
    const facts = err['cause'] as Record<string, unknown>;
    assert.equal(facts['message'], 'bad weights');
    assert.match(String(facts['stack']), /TypeError: bad weights\n +at /);
  });

  it('of the system has its code', () => {
    assert.equal(errOf(Object.assign(new Error('x'), { code: 'EADDRINUSE' }))['code'], 'EADDRINUSE');
  });

  it('whose causes form a ring is logged too', () => {
    const ring = new Error('ring');
    ring.cause = ring;
    assert.equal(errOf(ring)['message'], 'ring');
  });

  it('may be anything that was thrown', () => {
    assert.deepEqual(errOf('oops'), { type: 'string', message: 'oops' });
    assert.deepEqual(errOf(undefined), undefined);
  });
});
