/** A command in a real terminal of the system's, of a size that the test chooses; and what a person would see there. */
import { type ChildProcess, spawn } from 'node:child_process';
import process from 'node:process';
import { LAUNCH_FLAGS } from '../../bench/support/launcher.ts';
import { BUNDLE } from './sidecar.ts';

/**
 * Runs the command in a terminal of ROWS COLUMNS, passes on what it writes and what comes to standard input as keys, and
 * ends with its status, or 128 and its signal.
 */
const IN_TERMINAL = `
import fcntl, os, pty, select, struct, sys, termios
rows, columns = int(sys.argv[1]), int(sys.argv[2])
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.execv(sys.argv[3], sys.argv[3:])
sources = [terminal, 0]
while terminal in sources:
    for ready in select.select(sources, [], [])[0]:
        try:
            data = os.read(ready, 65536)
        except OSError:
            data = b""
        if not data:
            sources.remove(ready)
        else:
            os.write(1 if ready == terminal else terminal, data)
status = os.waitpid(pid, 0)[1]
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
`;

export interface InTerminal {
  /** Everything that was written until now, with the sequences for the terminal. */
  text(): string;
  /** Resolves when what was written has the text. Rejects if the process ends first. */
  written(wanted: string): Promise<void>;
  /** Types keys: "\u0003" is Ctrl-C. */
  type(keys: string): void;
  readonly exited: Promise<number>;
  kill(): void;
}

interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  /** Added to this process's own; undefined takes a variable away. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** `pillion` with these arguments. */
export function runInTerminal(args: readonly string[], options: TerminalOptions = {}): InTerminal {
  return commandInTerminal([process.execPath, ...LAUNCH_FLAGS, BUNDLE, ...args], options);
}

/** `command`: the program's path first. */
export function commandInTerminal(command: readonly string[], options: TerminalOptions = {}): InTerminal {
  const { columns = 100, rows = 24, environment } = options;
  const python = process.env['PILLION_TEST_PYTHON'] ?? 'python3';
  const env = { ...process.env, TERM: 'xterm-256color', NO_COLOR: undefined, CI: undefined, ...environment };
  const child = spawn(python, ['-c', IN_TERMINAL, String(rows), String(columns), ...command], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  return watched(child);
}

function watched(child: ChildProcess): InTerminal {
  let text = '';
  const waiting = new Set<() => void>();
  child.stdout!.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
    for (const check of waiting) check();
  });
  const exited = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)));
  return {
    text: () => text,
    written: (wanted) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (!text.includes(wanted)) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
        void exited.then((code) => reject(new Error(`it ended (${code}) before "${wanted}":\n${text}`)));
      }),
    type: (keys) => child.stdin!.write(keys),
    exited,
    kill: () => child.kill('SIGKILL'),
  };
}

const SEQUENCE = /\p{Cc}\[(\??)(\d*)([A-Za-z])|\r|\n|\P{Cc}+/gu;

/** The lines that stand on the terminal in the end, without colours. Throws at a sequence that it does not know. */
export function seen(text: string): readonly string[] {
  const lines: string[] = [''];
  let row = 0;
  let column = 0;
  for (const [piece, , count, what] of text.matchAll(SEQUENCE)) {
    if (piece === '\r') column = 0;
    else if (piece === '\n') {
      row += 1;
      lines[row] ??= '';
    } else if (what === undefined) {
      lines[row] = lines[row]!.slice(0, column).padEnd(column) + piece + lines[row]!.slice(column + piece.length);
      column += piece.length;
    } else if (what === 'A') row = Math.max(0, row - Number(count));
    else if (what === 'J') {
      lines.splice(row + 1);
      lines[row] = lines[row]!.slice(0, column);
    } else if (!['m', 'h', 'l'].includes(what)) throw new Error(`unknown sequence ${JSON.stringify(piece)}`);
  }
  return lines.map((line) => line.trimEnd());
}
