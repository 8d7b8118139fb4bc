import { type Command, print, UsageError } from '../../kernel/command.ts';
import type { ShellCommand } from './shell-command.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

export const completionCommand: Command = {
  name: 'completion',
  usage: ['completion bash|zsh|fish     prints what lets the shell complete commands, options and their values'],
  words: SHELLS,
  help: () => `pillion completion: what lets a shell complete commands, options and their values

  source <(pillion completion bash)                                      # in ~/.bashrc
  source <(pillion completion zsh)                                       # in ~/.zshrc, after compinit
  pillion completion fish >~/.config/fish/completions/pillion.fish

It is made of this version's commands and options. Nothing runs Pillion while a key is pressed.
`,
  async run(args, { commands }) {
    const shell = SHELLS.find((name) => args.length === 1 && name === args[0]);
    if (shell === undefined) throw new UsageError(['pillion completion wants bash, zsh or fish'], 'completion');
    const { shellCommands } = await import('./shell-command.ts');
    print((await WRITERS[shell]())(shellCommands(commands)));
    return 0;
  },
};

type Writer = (commands: readonly ShellCommand[]) => string;

const WRITERS: Readonly<Record<Shell, () => Promise<Writer>>> = {
  bash: async () => (await import('./bash.ts')).bashScript,
  zsh: async () => (await import('./zsh.ts')).zshScript,
  fish: async () => (await import('./fish.ts')).fishScript,
};
