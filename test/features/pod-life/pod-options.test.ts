import assert from 'node:assert/strict';
import { test } from 'node:test';
import { awaitCommand } from '../../../src/features/pod-life/await-command.ts';
import { drainCommand } from '../../../src/features/pod-life/drain-command.ts';
import { splitWords } from '../../../src/kernel/command.ts';

test('words after -- are the command, options of its own among them', () => {
  const read = awaitCommand.read(['--timeout=5', '--quit', '--', 'app', '--timeout=9', '--', '--help']);
  assert.ok(read.errors === undefined);
  assert.equal(read.options.timeout, 5);
  assert.equal(read.options.quit, true);
  assert.deepEqual(read.line.words, ['app', '--timeout=9', '--', '--help']);
  assert.deepEqual(splitWords(['--help']), [['--help'], undefined]);
});

test('mistakes are named', () => {
  const errorsOf = (...args: readonly string[]): string => (awaitCommand.read(args).errors ?? []).join('\n');
  assert.match(errorsOf('--'), /which command\? give -- COMMAND/);
  assert.match(errorsOf('--quit'), /--quit has a meaning only with -- COMMAND/);
  assert.match(errorsOf('python', 'app.py'), /"python" is no option/);
  assert.match(errorsOf('--timeout=soon'), /--timeout=soon: wants a whole number/);
  assert.equal(errorsOf(), '');
  assert.match((drainCommand.read(['--admin=here']).errors ?? []).join(), /--admin=here wants HOST:PORT/);
});
