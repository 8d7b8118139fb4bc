import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Backends } from '../../../src/backends/backends.ts';
import { flag, text } from '../../../src/config/options/option-types.ts';
import { bashScript } from '../../../src/features/completion/bash.ts';
import { completionCommand } from '../../../src/features/completion/command.ts';
import { fishScript } from '../../../src/features/completion/fish.ts';
import { shellCommands } from '../../../src/features/completion/shell-command.ts';
import { zshScript } from '../../../src/features/completion/zsh.ts';
import { OptionCommand, UsageError } from '../../../src/kernel/command.ts';
import { commandInTerminal } from '../../support/pseudo-terminal.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

const OPTIONS = {
  port: text({ default: '', help: "A port's number [0 to 9]: any `$(one)`. And more." }),
  style: text({ default: 'auto', oneOf: ['auto', 'text', 'texture'], help: 'How it looks.' }),
  config: text({ default: '', placeholder: 'FILE', help: 'A file.' }),
  quick: flag({ default: false, help: 'Fast.' }),
  admin: text({ default: '', oneOf: ['unix:a', 'unix:b'], help: 'Where.' }),
};
const serve = new OptionCommand({
  ...{ name: 'serve', usage: ['serve'], help: 'pillion serve: serves models\n', options: OPTIONS },
  run: () => Promise.resolve(0),
});
const COMMANDS = shellCommands([serve, completionCommand]);

const isThere = (shell: string): boolean => spawnSync(shell, ['--version']).error === undefined;

/** The line that stands in a real bash after these keys, in a folder with models/ and m.yaml. */
async function completed(t: TestContext, typed: string): Promise<string> {
  const folder = tempDirectory(t);
  mkdirSync(join(folder, 'models'));
  for (const file of ['m.yaml', 'x $(touch y).yaml']) writeFileSync(join(folder, file), '');
  writeFileSync(join(folder, 'rc'), `PS1='> '\nbind 'set bell-style none'\n${bashScript(COMMANDS)}\ncd ${folder}\n`);
  const bash = execFileSync('sh', ['-c', 'command -v bash'], { encoding: 'utf8' }).trim();
  const shell = commandInTerminal([bash, '--noprofile', '--rcfile', join(folder, 'rc'), '-i'], {
    environment: { TERM: 'dumb', HISTFILE: undefined },
    columns: 200,
  });
  t.after(() => shell.kill());
  await shell.written('> ');
  // Begins the line with a #, so that it is not run, and ends it with a mark that no completion makes.
  shell.type(`${typed}\u0001#\u0005|\n`);
  await shell.written('|\r\n');
  return /> #(.*)\|\r\n/s.exec(shell.text().slice(shell.text().lastIndexOf('> #')))![1]!;
}

describe('in bash', { skip: !isThere('bash') }, () => {
  for (const [typed, line] of [
    ['pillion ser\t', 'pillion serve '],
    ['pillion completion z\t', 'pillion completion zsh '],
    ['pillion serve --por\t', 'pillion serve --port='],
    ['pillion --po\t', 'pillion --port='],
    ['pillion serve --qui\t', 'pillion serve --quick '],
    ['pillion serve --style=a\t', 'pillion serve --style=auto '],
    ['pillion serve --style=t\t', 'pillion serve --style=text'],
    ['pillion serve --style a\t', 'pillion serve --style auto '],
    ['pillion serve --quick --config=mod\t', 'pillion serve --quick --config=models/'],
    ['pillion serve --config m.\t', 'pillion serve --config m.yaml '],
    ['pillion serve --config=x\t', 'pillion serve --config=x\\ \\$\\(touch\\ y\\).yaml '],
    ['pillion serve --admin=unix:b\t', 'pillion serve --admin=unix:b '],
    ['pillion serve --nothing\t', 'pillion serve --nothing'],
  ] as const) {
    it(`${typed.trim()} becomes ${line}`, async (t) => assert.equal(await completed(t, typed), line));
  }
});

describe('the script', () => {
  for (const [shell, write, check] of [
    ['bash', bashScript, ['-n']],
    ['zsh', zshScript, ['-n']],
    ['fish', fishScript, ['--no-execute']],
  ] as const) {
    it(`for ${shell} is sound`, { skip: !isThere(shell) }, (t) => {
      const file = join(tempDirectory(t), 'script');
      writeFileSync(file, write(COMMANDS));
      execFileSync(shell, [...check, file]);
    });
  }

  it('for zsh and fish has the help of each option, as one word', () => {
    assert.ok(zshScript(COMMANDS).includes(`'*--port=[A port'\\''s number \\[0 to 9\\]]:TEXT: '`));
    assert.ok(fishScript(COMMANDS).includes(`-l port -x -d 'A port\\'s number [0 to 9]'`));
  });

  it('is refused for another shell', async () => {
    for (const args of [[], ['tcsh'], ['bash', 'zsh']])
      await assert.rejects(completionCommand.run(args, { backends: new Backends([]), commands: [] }), UsageError);
  });
});
