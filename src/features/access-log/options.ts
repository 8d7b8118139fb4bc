import { text } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

export const ACCESS_LOG_OPTIONS = {
  access_log: text({
    default: '',
    placeholder: 'stdout|FILE',
    help: 'Where the access log goes: one JSON line for each request for inference and for the application. Its file is opened anew on SIGHUP. Empty = there is none.',
  }),
} satisfies OptionTable;
