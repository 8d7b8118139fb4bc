import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { timeOfDay } from '../../../src/core/clock.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { lookOf } from '../../../src/features/terminal/look.ts';
import { Screen } from '../../../src/features/terminal/screen.ts';
import { TerminalLog } from '../../../src/features/terminal/terminal-log.ts';
import { createLogger } from '../../../src/ledger/log/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { seen } from '../../support/pseudo-terminal.ts';

const ADDRESSES = { grpc: ['127.0.0.1:8500'], rest: ['127.0.0.1:8501'], admin: '127.0.0.1:8502' };

function logOf({ isWhole = false } = {}) {
  const clock = new FakeClock();
  const written: string[] = [];
  const look = lookOf({ columns: 100, rows: 24 }, { TERM: 'xterm', NO_COLOR: '1' });
  const measures: ((bytes: number) => void)[] = [];
  const logger = createLogger({
    ...{ level: 'debug', clock, base: { service: 'pillion', version: '0.2.0' } },
    destination: { write: (text: string) => written.push(text) },
  });
  const screen = new Screen((text) => write(text), look);
  const log = new TerminalLog({
    ...{ screen, clock, isWhole },
    welcome: () => [[{ text: 'welcome' }]],
    measure: (_model, _version, tell) => measures.push(tell),
  });
  const write = logger.showBy(log.show);
  const lines = () => seen(written.join('').replaceAll('\n', '\r\n')).slice(0, -1);
  const time = () => timeOfDay(clock.wallMs());
  return { clock, logger, log, measures, lines, time };
}

describe('the log in a terminal', () => {
  it('draws a line for each version that loads, with phase, time and size, until it ends', () => {
    const { clock, logger, log, measures, lines } = logOf();
    logger.info({ event: 'listening', ...ADDRESSES }, 'listening; loading models');
    logger.info({ model: 'digits', version: '1', state: 'LOADING', from: 'START' }, 'model version');
    logger.info({ model: 'm', version: '12', state: 'LOADING', from: 'START' }, 'model version');
    assert.deepEqual(lines(), [
      'welcome',
      '  digits  version 1  loading  opening, 0.0 s',
      '  m       version 12  loading  opening, 0.0 s',
    ]);
    measures[0]!(19_000);
    log.notePhase('digits', '1', 'warming up');
    clock.advance(1250);
    assert.equal(lines()[1], '  digits  version 1  loading  warming up, 1.2 s, 19 KiB');
    logger.info({ model: 'digits', version: '1', host: 'thread', reason: 'x' }, 'runs thread: x');
    logger.info({ model: 'digits', version: '1', state: 'AVAILABLE', from: 'LOADING' }, 'model version');
    assert.deepEqual(lines().slice(1), [
      '  digits  version 1  ready    1.3 s, in a thread, 19 KiB',
      '  m       version 12  loading  opening, 1.3 s',
    ]);
    logger.info({ model: 'm', version: '12', state: 'AVAILABLE', from: 'LOADING' }, 'model version');
    logger.info({ event: 'ready', ...ADDRESSES, models: ['digits', 'm'] }, 'ready');
    assert.equal(lines().at(-1), 'ready with 2 models after 1.3 s. Ctrl-C ends it.');
    const before = lines();
    clock.advance(60_000);
    assert.deepEqual(lines(), before);
  });

  it('says why a version failed, with its causes', () => {
    const { logger, lines, time } = logOf();
    logger.info({ event: 'listening', ...ADDRESSES }, 'listening; loading models');
    logger.info({ model: 'm', version: '1', state: 'LOADING' }, 'model version');
    const err = new ServingError('load_failed', 'it cannot be opened', { cause: new Error('no\u001b[2J protobuf') });
    logger.error({ model: 'm', version: '1', state: 'END', err }, 'model version failed to load');
    assert.deepEqual(lines().slice(1), [
      '  m  version 1  failed   0.0 s',
      `${time()} error: m version 1: model version failed to load: it cannot be opened: no\\x1b[2J protobuf  (state END)`,
    ]);
  });

  it('draws nothing anew once the server is ready', () => {
    const { logger, lines, clock } = logOf();
    logger.info({ event: 'listening', ...ADDRESSES }, 'listening');
    logger.info({ event: 'ready', ...ADDRESSES, models: [] }, 'ready');
    logger.info({ model: 'm', version: '2', state: 'LOADING' }, 'model version');
    clock.advance(500);
    assert.equal(lines().length, 2);
    logger.info({ model: 'm', version: '2', state: 'AVAILABLE' }, 'model version');
    logger.info({ model: 'm', version: '1', state: 'END', from: 'UNLOADING' }, 'model version');
    assert.deepEqual(lines().slice(2), ['  m  version 2  ready    0.5 s', '  m  version 1  unloaded']);
  });

  it('puts warnings in words, and leaves out what is for machines', () => {
    const { logger, lines, time } = logOf();
    logger.info({ event: 'machine', cores: 2 }, 'machine and plan');
    logger.info({ model: 'm', version: '1', weights: '19 KiB' }, 'memory of the model version');
    assert.deepEqual(lines(), []);
    logger.warn({ event: 'config_warning' }, '--x has no effect');
    logger.warn({ model: 'm', version: '1', slot: 0, reason: 'it ended with 139' }, 'worker lost');
    logger.info(
      { model: 'm', version: '1', outcome: 'invalid_request', surface: 'rest', peer: '' },
      'input "x" is unknown',
    );
    logger.info({ model: 'm', reason: 'no version' }, 'model waits: no version');
    assert.deepEqual(lines(), [
      `${time()} warning: --x has no effect`,
      `${time()} warning: m version 1: worker lost: it ended with 139  (slot 0)`,
      `${time()} m version 1: input "x" is unknown  (outcome invalid_request, surface rest)`,
      `${time()} m: model waits: no version`,
    ]);
    logger.debug({}, 'request served');
    assert.equal(lines().at(-1), `${time()} debug: request served`);
  });

  it('shows every line where a level was asked for', () => {
    const { logger, lines, time } = logOf({ isWhole: true });
    logger.debug({ cores: 2, flags: ['a'] }, 'machine and plan');
    assert.deepEqual(lines(), [`${time()} debug: machine and plan  (cores 2)`]);
  });
});
