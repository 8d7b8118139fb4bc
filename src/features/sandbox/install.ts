import { describeSandbox } from '../../admin/describe-sandbox.ts';
import { optionsOf } from '../../config/options/feature-options.ts';
import type { Installation } from '../../kernel/installation.ts';
import { SANDBOX_OPTIONS } from './options.ts';
import { type SandboxMode, ToolSandbox } from './sandbox.ts';

/** It logs what models' processes are confined to, before the first of them. */
export function installSandbox({ config, logger, models }: Installation): void {
  const { model_sandbox: mode, sandbox_user: user, ...more } = optionsOf(config, SANDBOX_OPTIONS);
  models.sandbox = new ToolSandbox({
    mode: mode as SandboxMode,
    user,
    environment: more.sandbox_env,
    readable: more.sandbox_read,
    onTried: (state) => {
      const { level, by, lacks } = state;
      logger.info({ event: 'sandbox', level, by, lacks }, `sandbox of models’ processes: ${describeSandbox(state)}`);
    },
  });
}
