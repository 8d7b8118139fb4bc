/**
 * A file of JSON lines beside the server's log: appended, made with mode 0600, never a link. It is not rotated here:
 * move it away and send SIGHUP, as logrotate does, and a new one is opened.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { pino } from 'pino';

const MODE = 0o600;
/** Room for about 30,000 lines: a disk that hangs must not fill the memory. Lines beyond it are dropped. */
export const MAX_BUFFERED_BYTES = 8 * 1024 * 1024;

export interface LineFile {
  readonly destination: ReturnType<typeof pino.destination>;
  /** Opens the file at the path anew; if that fails, the old one goes on and `onError` is called. */
  reopen(): void;
  /** Resolves when all lines are written, or cannot be. */
  close(): Promise<void>;
}

/** Throws if the file cannot be opened. `onError`: a line could not be written, or the file not be opened anew. */
export function openLineFile(path: string, onError: (error: Error) => void): LineFile {
  checkOpens(path);
  const destination = pino.destination({
    dest: path,
    append: true,
    mode: MODE,
    sync: false,
    minLength: 0,
    maxLength: MAX_BUFFERED_BYTES,
  });
  destination.on('error', onError);
  return {
    destination,
    reopen: () => {
      try {
        checkOpens(path);
        destination.reopen();
      } catch (error) {
        onError(error as Error);
      }
    },
    close: () =>
      new Promise((resolve) => {
        destination.once('close', resolve);
        destination.once('error', () => resolve());
        destination.end();
      }),
  };
}

/**
 * Makes the file, if it is not there. A link is not followed: whoever may make one would choose what is written to. A
 * FIFO that nobody reads fails: to wait for its reader would stop the server.
 */
function checkOpens(path: string): void {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  closeSync(openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, MODE));
}
