import { text } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

export const LOG_STYLES = ['auto', 'text', 'json'] as const;
/** The form of the log. */
export type LogStyle = (typeof LOG_STYLES)[number];

export const TERMINAL_OPTIONS = {
  log_style: text({
    default: 'auto',
    oneOf: LOG_STYLES,
    placeholder: 'auto|text|json',
    help: 'How the log is written to standard error: json, one object a line; text, for people: what is served and where, how loads go on, warnings in words. auto = text in a terminal, else json.',
  }),
} satisfies OptionTable;
