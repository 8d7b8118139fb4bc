/** A command line → the command that it names, run. The first word names it; flags alone are those of serve. */
import process from 'node:process';
import { nearestName } from '../config/nearest-name.ts';
import { leftOut } from '../config/read-options.ts';
import { type Command, print, splitWords, UsageError } from '../kernel/command.ts';
import type { FeatureList } from '../kernel/feature.ts';
import { VERSION } from '../version.ts';
import { configCommand } from './commands/config.ts';
import { keyCommand } from './commands/key.ts';
import { nativesCommand } from './commands/natives.ts';
import { otherServeCommands, serveCommand } from './commands/serve.ts';
import { statusCommand } from './commands/status.ts';
import { EXIT_USAGE } from './exit-usage.ts';

/**
 * Resolves with the exit status: {@link EXIT_USAGE} for a wrong command line, with its mistakes on standard error;
 * undefined = the process goes on. Rejects with what made the command fail.
 */
export async function runCommand(features: FeatureList, args: readonly string[]): Promise<number | undefined> {
  const commands = commandsOf(features);
  try {
    const { command, rest } = chosen(features, commands, args);
    const [own] = splitWords(rest);
    const { backends } = features;
    if (!own.includes('--help') && !own.includes('-h')) return await command.run(rest, { backends, commands });
    print(command.help());
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    for (const mistake of error.mistakes) process.stderr.write(`pillion: ${mistake}\n`);
    const listing = error.command === 'help' ? 'help lists the commands' : `${error.command} --help lists the options`;
    process.stderr.write(`pillion ${listing}\n`);
    return EXIT_USAGE;
  }
}

/** The commands in the order of `pillion help`. */
function commandsOf(features: FeatureList): readonly Command[] {
  const commands = [
    ...[serveCommand(features), ...otherServeCommands(features), statusCommand(features)],
    ...features.commands,
    ...[configCommand(features), keyCommand, nativesCommand(features)],
  ];
  const version = textCommand('version', ['version'], () => `pillion ${VERSION}\n`);
  return [...commands, version, textCommand('help', [], () => helpText([...commands, version]))];
}

function textCommand(name: string, usage: readonly string[], help: () => string): Command {
  const run = async (): Promise<number> => {
    print(help());
    return 0;
  };
  return { name, usage, help, run };
}

function helpText(commands: readonly Command[]): string {
  const lines = commands.flatMap(({ usage }) => usage.map((line) => `  pillion ${line}\n`));
  return `pillion: an inference sidecar that speaks TensorFlow Serving's API

${lines.join('')}
Flags without a command are those of serve, so a command line of tensorflow_model_server or tritonserver works unchanged.
DIR holds one numbered directory per version: DIR/1/model.onnx
`;
}

const OTHER_NAMES: ReadonlyMap<string | undefined, string> = new Map([
  [undefined, 'help'],
  ['--help', 'help'],
  ['-h', 'help'],
  ['--version', 'version'],
  ['-v', 'version'],
]);

function chosen(
  { absent }: FeatureList,
  commands: readonly Command[],
  args: readonly string[],
): { readonly command: Command; readonly rest: readonly string[] } {
  const [word, ...rest] = args;
  const name = OTHER_NAMES.get(word) ?? word!;
  // A command line of TensorFlow Serving has flags alone.
  const isServe = name.startsWith('-');
  const command = commands.find((each) => each.name === (isServe ? 'serve' : name));
  if (command !== undefined) return { command, rest: isServe ? args : rest };
  const feature = absent.find(({ commands: left = [] }) => left.some((each) => each.name === name));
  if (feature !== undefined) throw new UsageError([`"${name}" ${leftOut(feature)}`]);
  throw new UsageError([unknownCommand(name, commands)], 'help');
}

function unknownCommand(name: string, commands: readonly Command[]): string {
  const nearest = nearestName(
    name,
    commands.map((each) => each.name),
  );
  if (nearest !== undefined) return `unknown command "${name}"; did you mean "${nearest}"?`;
  const names = commands.map((each) => each.shown ?? each.name);
  return `unknown command "${name}"; the commands are ${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
