import process from 'node:process';
import { flag } from '../../config/options/option-types.ts';
import { serveOptions } from '../../config/options/serve-options.ts';
import { type Command, print, UsageError } from '../../kernel/command.ts';
import type { FeatureList } from '../../kernel/feature.ts';
import { EXIT_USAGE } from '../exit-usage.ts';

export function configCommand(features: FeatureList): Command {
  return {
    name: 'config',
    shown: 'config check',
    usage: ['config check [options of serve] [--json]'],
    words: ['check'],
    options: () => ({ ...serveOptions(features), json: flag({ default: false, help: 'Prints it as JSON.' }) }),
    help: () => `pillion config check: what serve would do with these options

  pillion config check --config=pillion.yaml
  pillion config check --model_config_file=/etc/models.config --json

Accepts every option of serve, reads the same environment and files, and prints the effective configuration with the
source of each value: a flag, an environment variable, a line of a file, or the default. --json prints it as JSON.
Models are not loaded; paths that are not there are named. Ends with 0 if serve would accept it, else with 64 and every mistake.
`,
    async run([what, ...args]) {
      if (what === undefined) throw new UsageError(['pillion config wants "check"'], 'config check');
      if (what !== 'check') throw new UsageError([`pillion config wants "check", not "${what}"`], 'config check');
      const { checkConfig } = await import('../config-check.ts');
      await features.load();
      const { isSound, output, errors, warnings } = checkConfig({ args, environment: process.env, features });
      print(output);
      for (const line of [...errors, ...warnings]) process.stderr.write(`pillion: ${line}\n`);
      return isSound ? 0 : EXIT_USAGE;
    },
  };
}
