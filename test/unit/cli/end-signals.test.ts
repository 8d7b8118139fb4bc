import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { watchEndSignals } from '../../../src/cli/end-signals.ts';
import { FakeClock } from '../../support/fake-clock.ts';

class Process extends EventEmitter {
  ppid = 7;
  readonly env: Readonly<Record<string, string | undefined>>;

  constructor(command?: string) {
    super();
    this.env = { npm_command: command };
  }
}

function watched(command?: string) {
  const process = new Process(command);
  const clock = new FakeClock();
  const told: (readonly [string, boolean])[] = [];
  watchEndSignals(process, clock, (reason, isAgain) => told.push([reason, isAgain]));
  return { process, clock, told };
}

describe('what tells the process to end', () => {
  it('is a signal, and the same again', () => {
    const { process, told } = watched();
    process.emit('SIGTERM');
    process.emit('SIGTERM');
    assert.deepEqual(told, [
      ['SIGTERM', false],
      ['SIGTERM', true],
    ]);
  });

  it('is one key, though npm passes it on; a second key counts', () => {
    const { process, clock, told } = watched('exec');
    process.emit('SIGINT');
    clock.advance(5);
    process.emit('SIGINT');
    assert.deepEqual(told, [['SIGINT', false]]);
    clock.advance(1000);
    process.emit('SIGINT');
    assert.deepEqual(told[1], ['SIGINT', true]);
  });

  it('is the end of the shell that npm has put between', () => {
    for (const command of ['exec', 'start', 'run-script']) {
      const { process, clock, told } = watched(command);
      clock.advance(1000);
      assert.deepEqual(told, []);
      process.ppid = 1;
      clock.advance(1000);
      assert.deepEqual(told, [['end of npm', false]], command);
    }
  });

  it('is no parent that ends after a signal, nor one that is not npm', () => {
    const key = watched('exec');
    key.process.emit('SIGINT');
    const daemon = watched();
    for (const { process, clock } of [key, daemon]) {
      process.ppid = 1;
      clock.advance(1000);
    }
    assert.deepEqual([key.told, daemon.told], [[['SIGINT', false]], []]);
  });
});
