import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAwaitOptions, readDrainOptions, splitCommand } from '../../../src/cli/pod-options.ts';

test('words after -- are the command, options of its own among them', () => {
  const { options } = readAwaitOptions(['--timeout=5', '--quit', '--', 'app', '--timeout=9', '--', '--help']);
  assert.equal(options?.timeout, 5);
  assert.equal(options?.quit, true);
  assert.deepEqual(options?.command, ['app', '--timeout=9', '--', '--help']);
  assert.deepEqual(splitCommand(['--help']), [['--help'], undefined]);
});

test('mistakes are named', () => {
  const errorsOf = (...args: readonly string[]): string => (readAwaitOptions(args).errors ?? []).join('\n');
  assert.match(errorsOf('--'), /which command\? give -- COMMAND/);
  assert.match(errorsOf('--quit'), /--quit has a meaning only with -- COMMAND/);
  assert.match(errorsOf('python', 'app.py'), /"python" is no option/);
  assert.match(errorsOf('--timeout=soon'), /--timeout=soon: wants a whole number/);
  assert.equal(errorsOf(), '');
  assert.match((readDrainOptions(['--admin=here']).errors ?? []).join(), /--admin=here wants HOST:PORT/);
});
