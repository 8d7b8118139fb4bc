import { join } from 'node:path';
import { PAGE_FOR_PEOPLE } from '../../admin/admin-path.ts';
import { textOf } from '../../config/options/feature-options.ts';
import type { Installation } from '../../kernel/installation.ts';
import type { LoadStep } from '../../models/loading/load-steps.ts';
import { bytesBelow } from './file-sizes.ts';
import { lookOf, type TerminalSize } from './look.ts';
import { Screen } from './screen.ts';
import { TerminalLog } from './terminal-log.ts';
import { welcomeLines } from './welcome.ts';

/** @param terminal undefined: the log goes to a file or a pipe */
export function installTerminal(server: Installation, terminal: TerminalSize | undefined): void {
  const { config, logger, clock, facts, models, environment } = server;
  const look = lookOf(terminal, environment);
  // Lines of the access log between those that are drawn anew would be wiped out.
  const isAlone = textOf(config, 'access_log') !== 'stdout';
  const screen = new Screen((text) => write(text), { ...look, isLive: look.isLive && isAlone });
  const log = new TerminalLog({
    ...{ screen, clock },
    isWhole: config.origins.get('log_level')?.kind !== 'default',
    welcome: (addresses) => welcomeLines({ config, addresses, page: facts.get(PAGE_FOR_PEOPLE) }),
    measure: (model, version, tell) => {
      const base = models.configOf(model)?.basePath;
      if (base === undefined) return;
      void bytesBelow(join(base, version)).then((bytes) => {
        if (bytes !== undefined) tell(bytes);
      });
    },
  });
  const write = logger.showBy(log.show);
  models.steps.push(...phaseSteps((model, version, phase) => log.notePhase(model, version.toString(), phase)));
}

/** Steps of loads that do nothing but tell where a load is. */
function phaseSteps(note: (model: string, version: bigint, phase: string) => void): readonly LoadStep[] {
  return [
    { stage: 'opened', run: ({ model, version }) => note(model.name, version, 'reading signatures') },
    { stage: 'axes', run: ({ model, version }) => note(model.name, version, 'looking which requests may share runs') },
    { stage: 'views', run: ({ model, version }) => note(model.name, version, 'preparing') },
    { stage: 'warm-up', run: ({ servable }) => note(servable.name, servable.version, 'warming up') },
    { stage: 'check', run: ({ servable }) => note(servable.name, servable.version, 'checking') },
  ];
}
