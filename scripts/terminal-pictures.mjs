/**
 * node scripts/terminal-pictures.mjs: docs/tutorial/pictures/terminal-*.svg, of what the commands print on a terminal, by
 * running them on the digits example. Needs python3, whose pty module is the terminal.
 */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { ensureBuilt, root, say } from './lib/setup.mjs';
import { terminalSvg } from './lib/terminal-svg.mjs';

const COLUMNS = 114;
/** Runs a command in a terminal of so many columns, and passes on what comes in and goes out. */
const IN_TERMINAL = `
import fcntl, os, pty, select, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", 50, ${COLUMNS}, 0, 0))
    os.execv(sys.argv[1], sys.argv[1:])
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
`;
const PROMPT = '\u001b[32m$\u001b[0m ';

ensureBuilt();
const folder = mkdtempSync(join(tmpdir(), 'pillion-terminal-'));
copyFileSync(join(root, 'examples/digits/models/digits/1/model.onnx'), join(folder, 'digits.onnx'));
try {
  await takePictures();
} finally {
  rmSync(folder, { recursive: true });
}

async function takePictures() {
  const init = await shown('init digits.onnx');
  // A server waits for files that have just been written.
  await setTimeout(4000);
  const server = started('serve --model=digits=models/digits');
  await server.wrote('Ctrl-C');
  const predict = await shown('predict digits models/digits/request.json');
  const bad = await shown(`predict digits '[["a"]]'`);
  const bench = await shown(
    'bench http://127.0.0.1:8501/v1/models/digits:predict grpc://127.0.0.1:8500/digits --data=models/digits/request.json --rate=50 --seconds=5',
  );
  const requests = await shown('requests --outcome=invalid_request');
  const models = await shown('models');
  await setTimeout(300);
  server.type('\u0003');
  await server.ended;
  picture('init', init + predict + bad, 'pillion init makes a directory of a file; pillion predict sends a request');
  picture('serve', server.text(), 'pillion serve on a terminal, from its start to Ctrl-C');
  picture('requests', models + requests, 'pillion models; pillion requests, of those that were refused');
  // The figures of a busy machine would tell of nothing else.
  if (bench.includes('This client was the bound')) say('This machine is too busy for the picture of pillion bench');
  else picture('bench', bench, 'pillion bench: REST and gRPC side by side');
}

/** Runs a command. Resolves with its own line and all that it prints. */
async function shown(words) {
  const command = started(words);
  await command.ended;
  return `${command.text()}\n`;
}

function started(words) {
  const line = `exec '${join(root, 'bin', 'pillion')}' ${words}`;
  const env = { ...process.env, TERM: 'xterm-256color', NO_COLOR: undefined, CI: undefined };
  const child = spawn('python3', ['-c', IN_TERMINAL, '/bin/sh', '-c', line], {
    ...{ cwd: folder, env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = `${PROMPT}pillion ${words}\r\n`;
  child.stdout.setEncoding('utf8').on('data', (piece) => {
    text += piece;
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  return {
    text: () => text,
    type: (keys) => child.stdin.write(keys),
    ended,
    wrote: async (wanted) => {
      while (!text.includes(wanted)) await setTimeout(50);
    },
  };
}

function picture(name, text, title) {
  const file = join('docs', 'tutorial', 'pictures', `terminal-${name}.svg`);
  writeFileSync(join(root, file), terminalSvg(text, title, COLUMNS));
  say(file);
}
