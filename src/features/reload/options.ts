import { flag } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

export const RELOAD_OPTIONS = {
  enable_reload_rpc: flag({
    default: false,
    help: 'gRPC clients may replace the list of models (HandleReloadConfigRequest). Anybody who reaches the gRPC port can then unload every model.',
  }),
} satisfies OptionTable;
