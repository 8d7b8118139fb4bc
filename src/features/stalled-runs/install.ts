import { repeat, type TimerHandle } from '../../core/clock.ts';
import type { Installation } from '../../kernel/installation.ts';
import { StalledRuns } from './stalled-runs.ts';

const LOOK_EVERY_MS = 2000;

export function installStalledRuns({ clock, logger, models, service }: Installation): void {
  const runs = new StalledRuns({ clock, logger, servables: () => models.servables() });
  let timer: TimerHandle | undefined;
  service({
    start: () => {
      timer = repeat(clock, LOOK_EVERY_MS, () => runs.look());
    },
    close: () => timer?.cancel(),
  });
}
