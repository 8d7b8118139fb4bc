/**
 * Answers what a pod's hooks and its other containers ask about the server's end.
 *
 *   POST /drain         begins a drain: 200 if no client is connected, else 202 and how many are; ask again
 *   POST /quitquitquit  ends the server as SIGTERM does, with status 0; only with --quitquitquit
 */
import { type AdminPath, sendJson, sendText } from '../admin-path.ts';

/** How far it has come. */
export interface DrainProgress {
  /** The delay is over, no client is connected, and no request is in flight. */
  readonly drained: boolean;
  /** Connections of clients, over gRPC and REST. */
  readonly connections: number;
  readonly in_flight: number;
}

export interface PodLife {
  /** Begins the drain, if it has not begun. */
  readonly drain: () => DrainProgress;
  /** Ends the process; undefined if nobody may ask for that. */
  readonly quit: (() => void) | undefined;
}

export function podLifePaths({ drain, quit }: PodLife): readonly AdminPath[] {
  return [
    {
      method: 'POST',
      path: '/drain',
      says: 'not ready from now on; answers until it is ended',
      audited: () => ({ method: 'drain' }),
      answer({ response }) {
        const progress = drain();
        sendJson(response, progress, progress.drained ? 200 : 202);
      },
    },
    {
      method: 'POST',
      path: '/quitquitquit',
      says: 'ends the server; only with --quitquitquit',
      audited: () => ({ method: 'quitquitquit' }),
      answer({ response }) {
        if (quit === undefined) return { status: 404, text: 'start the server with --quitquitquit to end it by this' };
        response.once('close', quit);
        sendText(response, 'ending\n');
        return undefined;
      },
    },
  ];
}
