/** What zsh and fish, out of Debian's packages, make of the scripts: the line after a tab, and the words that are offered. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { describe, it, type TestContext } from 'node:test';
import { serveCommand } from '../../../../src/cli/commands/serve.ts';
import { completionCommand } from '../../../../src/features/completion/command.ts';
import { fishScript } from '../../../../src/features/completion/fish.ts';
import { shellCommands } from '../../../../src/features/completion/shell-command.ts';
import { zshScript } from '../../../../src/features/completion/zsh.ts';
import { FEATURES } from '../../../../src/pillion.ts';
import { commandInTerminal } from '../../../support/pseudo-terminal.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

/** Folders that hold each shell's files as the root directory would. */
const ZSH = process.env['PILLION_TEST_ZSH']!;
const FISH = process.env['PILLION_TEST_FISH']!;
const COMMANDS = shellCommands([serveCommand(FEATURES), ...FEATURES.commands, completionCommand]);
/** Names that would do something, if a shell read them as its own words. */
const FILES = [
  'm.yaml',
  'x $(touch ran).yaml',
  'q\'uote"s.yaml',
  'line\nbreak.yaml',
  't`touch ran`.yaml',
  '-dash.yaml',
];

function folderOf(t: TestContext): string {
  const folder = tempDirectory(t);
  mkdirSync(join(folder, 'models'));
  for (const file of FILES) writeFileSync(join(folder, file), '');
  return folder;
}

/** The line that stands in zsh after these keys. */
async function inZsh(t: TestContext, typed: string): Promise<string> {
  const folder = folderOf(t);
  const lib = join(ZSH, 'usr', 'lib');
  const [arch] = execFileSync('ls', [lib], { encoding: 'utf8' })
    .split('\n')
    .filter((name) => name.endsWith('-gnu'));
  writeFileSync(join(folder, '.script'), zshScript(COMMANDS));
  const rc = `module_path=(${join(lib, arch!, 'zsh', '5.9')})
fpath=(${join(ZSH, 'usr', 'share', 'zsh', 'functions')}/**/*(/N))
autoload -Uz compinit
compinit -D -u
source ${join(folder, '.script')}
_show() { zle -I; print -rn -- "MARK<$BUFFER>END" }
zle -N _show
bindkey -e
bindkey '^X' _show
unsetopt beep
PS1='> '
cd ${folder}
print started
`;
  writeFileSync(join(folder, '.zshrc'), rc);
  const shell = commandInTerminal([join(ZSH, 'bin', 'zsh'), '-i'], {
    environment: { ZDOTDIR: folder, TERM: 'dumb', HISTFILE: undefined },
    columns: 200,
  });
  t.after(() => shell.kill());
  await shell.written('started');
  shell.type(`${typed}\u0018`);
  await shell.written('>END');
  assert.equal(existsSync(join(folder, 'ran')), false, 'a name was run');
  return /MARK<([\s\S]*)>END/.exec(shell.text())![1]!.replaceAll('\r\n', '\n');
}

describe('in zsh', () => {
  for (const [typed, line] of [
    ['pillion ser\t', 'pillion serve '],
    ['pillion completion z\t', 'pillion completion zsh '],
    ['pillion serve --rest_api_po\t', 'pillion serve --rest_api_port='],
    ['pillion bench --arrivals=p\t', 'pillion bench --arrivals=poisson '],
    ['pillion serve --config=mod\t', 'pillion serve --config=models/'],
    ['pillion serve --config=m.\t', 'pillion serve --config=m.yaml '],
    ['pillion serve --config=x\t', 'pillion serve --config=x\\ \\$\\(touch\\ ran\\).yaml '],
    ['pillion serve --config=q\t', 'pillion serve --config=q\\\'uote\\"s.yaml '],
    ['pillion serve --config=li\t', "pillion serve --config=line$'\\n'break.yaml"],
    ['pillion serve --config=t\t', 'pillion serve --config=t\\`touch\\ ran\\`.yaml '],
    ['pillion init m.\t', 'pillion init m.yaml '],
    ['pillion serve --nothing\t', 'pillion serve --nothing'],
  ] as const) {
    it(`${typed.trim()} becomes ${JSON.stringify(line)}`, async (t) => assert.equal(await inZsh(t, typed), line));
  }
});

/** The words that fish offers for the line, without their descriptions. */
function inFish(t: TestContext, line: string): readonly string[] {
  const folder = folderOf(t);
  const libraries = execFileSync('find', [join(FISH, 'usr', 'lib'), '-name', 'libpcre2-32*', '-printf', '%h\n'], {
    encoding: 'utf8',
  });
  const script = join(folder, '.script');
  writeFileSync(script, fishScript(COMMANDS));
  const program = `source ${script}; cd ${folder}; complete -C ${JSON.stringify(line)}`;
  const env = { ...process.env, HOME: folder, LD_LIBRARY_PATH: libraries.split('\n')[0] };
  const offered = execFileSync(join(FISH, 'usr', 'bin', 'fish'), ['--no-config', '-c', program], {
    env,
    encoding: 'utf8',
  });
  assert.equal(existsSync(join(folder, 'ran')), false, 'a name was run');
  return offered
    .split('\n')
    .filter((each) => each !== '')
    .map((each) => each.split('\t')[0]!);
}

describe('in fish', () => {
  for (const [line, words] of [
    ['pillion ser', ['serve']],
    ['pillion completion z', ['zsh']],
    ['pillion serve --rest_api_po', ['--rest_api_port']],
    ['pillion bench --arrivals=p', ['--arrivals=poisson']],
    ['pillion serve --config=mod', ['--config=models/']],
    ['pillion serve --config=x', ['--config=x $(touch ran).yaml']],
    ['pillion serve --config=q', ['--config=q\'uote"s.yaml']],
    ['pillion init m.', ['m.yaml']],
    ['pillion serve --nothing', []],
  ] as const) {
    it(`${line} offers ${words.join(' ') || 'nothing'}`, (t) => assert.deepEqual(inFish(t, line), words));
  }
});
