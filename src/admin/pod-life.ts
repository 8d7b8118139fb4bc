/**
 * What a pod's hooks and its other containers ask of the server's end.
 *
 *   POST /drain         begins a drain: 200 if no client is connected, else 202 and how many are; ask again
 *   POST /quitquitquit  ends the server as SIGTERM does, with status 0; only with --quitquitquit
 */
import type { ServerResponse } from 'node:http';

/** How far it has come. */
export interface DrainProgress {
  /** The delay is over, no client is connected, and no request is in flight. */
  readonly drained: boolean;
  /** Of clients, over gRPC and REST. */
  readonly connections: number;
  readonly in_flight: number;
}

export interface PodLife {
  /** Begins the drain, if it has not begun. */
  readonly drain: () => DrainProgress;
  /** Ends the process; undefined if nobody may ask for that. */
  readonly quit: (() => void) | undefined;
}

/** False: the path is another one, and no answer was sent. */
export function answerPodLife(path: string, { drain, quit }: PodLife, response: ServerResponse): boolean {
  if (path === '/drain') {
    const progress = drain();
    send(response, progress.drained ? 200 : 202, 'application/json', JSON.stringify(progress));
  } else if (path === '/quitquitquit') {
    if (quit === undefined) send(response, 404, 'text/plain', 'start the server with --quitquitquit to end it by this');
    else {
      response.once('close', quit);
      send(response, 200, 'text/plain', 'ending');
    }
  } else return false;
  return true;
}

function send(response: ServerResponse, status: number, contentType: string, text: string): void {
  response.writeHead(status, { 'content-type': contentType });
  response.end(`${text}\n`);
}
