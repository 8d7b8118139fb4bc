import { flag } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

export const PROXY_PROTOCOL_OPTIONS = {
  proxy_protocol: flag({
    default: false,
    help: 'Connections to the gRPC and REST ports begin with a header of the PROXY protocol, version 1 or 2, which names the client; those without one are closed. Set it only where nobody but the proxy reaches the ports: who does can claim any address.',
  }),
} satisfies OptionTable;
