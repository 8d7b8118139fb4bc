import { text } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

export const AUDIT_OPTIONS = {
  audit_log_file: text({
    default: '',
    placeholder: 'FILE',
    help: 'Where the audit log goes: one JSON line for each change and each refusal. Opened anew on SIGHUP. Without it, the lines are in the log, with "audit": true.',
  }),
} satisfies OptionTable;
