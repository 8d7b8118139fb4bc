import { integer, text } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

const DAY_S = 86_400;

export const AUTHORIZATION_OPTIONS = {
  authorization_file: text({
    default: '',
    placeholder: 'FILE',
    help: 'File that says who may ask which models for what (src/features/authorization/README.md); it refuses everything else. Without the file, everybody may ask everything.',
  }),
  authorization_file_poll_wait_seconds: integer({
    min: 0,
    max: DAY_S,
    default: 10,
    help: 'Seconds between two reads of --authorization_file and its JWKS. 0 = they are read again on SIGHUP alone.',
  }),
} satisfies OptionTable;
