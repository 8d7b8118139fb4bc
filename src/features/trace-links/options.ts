import { text } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

export const TRACE_LINK_OPTIONS = {
  trace_url_template: text({
    default: '',
    placeholder: 'URL',
    help: 'Where a trace is shown, for links in the log and the console: a URL with {trace_id}, or with {trace_id_low64_decimal} for Datadog. Empty = no links.',
  }),
} satisfies OptionTable;
