/** Options of `pillion serve` about what models' processes may reach. */
import { integer, text, texts } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

export const SANDBOX_OPTIONS = {
  model_sandbox: text({
    default: 'auto',
    oneOf: ['auto', 'require', 'off'],
    placeholder: 'auto|require|off',
    help: 'Limits what models’ processes may reach. auto = as little as this machine’s tools allow (bubblewrap, else setpriv); the log and GET /models say what holds. require = models run in fully sandboxed processes or do not load, so host inline and thread are refused. off = only their environment is filtered.',
  }),
  sandbox_user: integer({
    min: 0,
    max: 2 ** 31 - 1,
    default: 65_534,
    help: 'Numeric user and group of models’ processes where the server runs as root and every user may read the model’s files. 0 = root.',
  }),
  sandbox_env: texts({
    default: [],
    placeholder: 'NAME',
    help: 'Another environment variable that models’ processes get; may be given several times. docs/why/hosts.md lists those that they get anyway.',
  }),
  sandbox_read: texts({
    default: [],
    placeholder: 'PATH',
    help: 'Another file or directory that sandboxed processes may read, besides their models, the runtimes and the system’s libraries; may be given several times.',
  }),
} satisfies OptionTable;
