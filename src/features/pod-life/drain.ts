/**
 * `pillion drain`: asks a running sidecar to send its clients elsewhere (POST /drain, client-drain.ts),
 * and waits until none is left. It is made for a pod's preStop hook.
 *
 * Exit status: 0 = no client is connected, or the sidecar has ended; 1 = clients are left, or there is no sidecar.
 */
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { AdminRefusal, askAdmin, noSidecar } from '../../cli/ask-admin.ts';
import type { AdminAddress } from '../../cli/sidecar-command.ts';
import { systemClock } from '../../core/clock.ts';
import type { DrainProgress } from './client-drain.ts';

const PERIOD_MS = 100;

/** Resolves with the exit status. `timeout`: in seconds. */
export async function drain({ timeout, ...from }: AdminAddress & { readonly timeout: number }): Promise<number> {
  const giveUpAt = systemClock.nowMs() + timeout * 1000;
  let progress: DrainProgress | undefined;
  for (;;) {
    try {
      const answer = await askAdmin({ from, path: '/drain', method: 'POST' });
      progress = JSON.parse(answer.toString()) as DrainProgress;
    } catch (error) {
      // SIGTERM may come while this waits.
      if (progress !== undefined && !(error instanceof AdminRefusal)) return 0;
      return failed(noSidecar(from.admin, error as Error));
    }
    if (progress.drained) return 0;
    if (systemClock.nowMs() >= giveUpAt) return failed(leftText(timeout, progress));
    await pause(PERIOD_MS);
  }
}

function leftText(timeout: number, { connections, in_flight }: DrainProgress): string {
  return `after ${timeout} s clients are left: ${connections} connections, ${in_flight} requests in flight`;
}

function failed(text: string): number {
  process.stderr.write(`pillion: ${text}\n`);
  return 1;
}
