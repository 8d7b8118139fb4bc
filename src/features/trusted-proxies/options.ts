import { flag, text } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

export const TRUSTED_PROXY_OPTIONS = {
  trusted_proxies: text({
    default: '',
    placeholder: 'CIDR,…|unix',
    help: 'Proxies in front that are believed in what they say of their clients (x-forwarded-for, x-forwarded-proto, forwarded): addresses and networks with commas between, such as 10.0.0.0/8,::1, and unix for whoever connects over a socket file. The client of a request is then the last address of its list that is none of them: in the access log, in spans, for limits of callers, and for the application of --app. They must overwrite these headers of their own clients. Empty = nobody is believed, and the application is told what this server sees.',
  }),
  app_trust_forwarded: flag({
    default: false,
    help: 'The same as --trusted_proxies=0.0.0.0/0,::/0,unix: whoever connects is believed.',
  }),
} satisfies OptionTable;
