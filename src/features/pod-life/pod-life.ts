/**
 * Answers what a pod's hooks and its other containers ask about the server's end.
 *
 *   POST /drain         begins a drain: 200 if no client is connected, else 202 and how many are; ask again
 *   POST /quitquitquit  ends the server as SIGTERM does, with status 0; only with --quitquitquit
 */
import { type AdminPath, sendJson, sendText } from '../../admin/admin-path.ts';
import type { ClientDrain } from './client-drain.ts';

/** `quit` ends the process; undefined if nobody may ask for that. */
export function podLifePaths(drain: ClientDrain, quit: (() => void) | undefined): readonly AdminPath[] {
  return [
    {
      method: 'POST',
      path: '/drain',
      says: 'not ready from now on; answers until it is ended',
      audited: () => ({ method: 'drain' }),
      answer({ response }) {
        const progress = drain.ask();
        sendJson(response, progress, progress.drained ? 200 : 202);
      },
      drain: () => drain.stop(),
      close: () => drain.stop(),
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
