/**
 * The end of a server whose collectors, whose log's reader or whose terminal are of no use: nothing waits for them, and what
 * was lost is told.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { connect } from 'node:net';
import { constants } from 'node:os';
import process from 'node:process';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { collectorEnvironment, type UselessCollector } from '../support/collectors.ts';
import { hasFeature } from '../support/has-feature.ts';
import { DIGITS, killSidecars, type Sidecar, startSidecar, type Wrap } from '../support/sidecar.ts';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const SCAN = JSON.stringify({ instances: [new Array<number>(64).fill(0)] });
const REQUESTS = 20;

afterEach(killSidecars);

async function ask(rest: string): Promise<number> {
  const answer = await fetch(`${rest}/v1/models/digits:predict`, { method: 'POST', body: SCAN });
  await answer.arrayBuffer();
  return answer.status;
}

/** Sends so many requests at once on one connection, and resolves when all are answered with 200. */
async function askMany(rest: string, count: number): Promise<void> {
  const { hostname, port } = new URL(rest);
  const socket = connect(Number(port), hostname);
  const head = `POST /v1/models/digits:predict HTTP/1.1\r\nhost: a\r\ncontent-length: ${SCAN.length}\r\n\r\n`;
  socket.write((head + SCAN).repeat(count));
  let text = '';
  for await (const chunk of socket) {
    text += chunk;
    if (text.split('HTTP/1.1 200 ').length > count) break;
  }
  assert.equal(text.split('HTTP/1.1 200 ').length, count + 1);
}

describe('a collector', { skip: !hasFeature('otlp') }, () => {
  const cases: readonly (readonly [UselessCollector, string])[] = [
    ['dead', 'http/protobuf'],
    ['dead', 'grpc'],
    ['hanging', 'http/protobuf'],
    ['hanging', 'grpc'],
    ['hanging', 'http/json'],
    ['slow', 'http/protobuf'],
  ];
  for (const [kind, protocol] of cases) {
    it(`that is ${kind} (${protocol}) is not waited for longer than the time of the last flush; what was lost is counted`, async (t) => {
      const sidecar = await startSidecar(DIGITS, await collectorEnvironment(t, kind, protocol));
      for (let i = 0; i < REQUESTS; i++) assert.equal(await ask(sidecar.rest), 200);
      assert.equal(await sidecar.stop(), 0);
      const { lost_spans, lost_metrics } = sidecar.lines.at(-1)!;
      assert.equal(sidecar.lines.at(-1)!.event, 'drained');
      assert.equal(lost_metrics, true);
      // The SDK makes JSON, and tells nobody.
      if (protocol === 'http/json') assert.equal(lost_spans, 'unknown');
      else assert.ok((lost_spans as number) >= REQUESTS * 9, `${lost_spans}`);
      // Its own time limits, of 10 s, had no part in it.
      assert.doesNotMatch(sidecar.output(), /Request timed out|Deadline exceeded after/);
    });
  }
});

/** A sidecar whose standard error is something else. Resolves when it answers. */
async function startWithStandardError(
  descriptor: number,
  args: readonly string[] = [],
): Promise<Pick<Sidecar, 'process' | 'exited' | 'rest'>> {
  // Its ready line cannot be read. The system gives connections no ports below 32,768, so none of them has this one.
  const port = 20_000 + Math.trunc(12_000 * Math.random());
  const flags = ['--port=0', `--rest_api_port=${port}`, '--admin_port=0', '--bind_address=127.0.0.1'];
  const child = spawn(process.execPath, [MAIN, 'serve', ...flags, '--log_level=debug', ...DIGITS, ...args], {
    stdio: ['ignore', 'ignore', descriptor],
  });
  const exited = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  const rest = `http://127.0.0.1:${port}`;
  let isOver = false;
  void exited.then(() => {
    isOver = true;
  });
  while ((await ask(rest).catch(() => 0)) !== 200) assert.ok(!isOver, 'it ended');
  return { process: child, exited, rest };
}

/** Before the drain that the first signal begins, so that there is time for a second one. */
const DRAINS_LATE = '--drain_delay_ms=600000';

/** Resolves with what ends it. Signals that come together count as one, so there are more than two. */
async function endBySignals({ process: child }: Pick<Sidecar, 'process'>): Promise<string> {
  const ended = new Promise<string>((resolve) => child.once('exit', (code, signal) => resolve(signal ?? `${code}`)));
  for (let i = 0; i < 50; i++) {
    child.kill('SIGTERM');
    const by = await Promise.race([ended, sleep(100)]);
    if (by !== undefined) return by;
  }
  child.kill('SIGKILL');
  return 'it hangs';
}

/**
 * Runs a command in a terminal of its own. SIGHUP is passed on; SIGUSR1 closes the terminal. Ends with the signal that ended
 * the command, or with 1 after 10 s.
 */
const IN_TERMINAL = `
import os, pty, select, signal, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
def give_up(*_):
    os.kill(pid, signal.SIGKILL)
    sys.exit(1)
is_open = True
def close(*_):
    global is_open
    is_open = False
signal.signal(signal.SIGHUP, lambda *_: os.kill(pid, signal.SIGHUP))
signal.signal(signal.SIGUSR1, close)
while is_open:
    if select.select([terminal], [], [], 0.1)[0]:
        os.write(1, os.read(terminal, 65536))
os.close(terminal)
signal.signal(signal.SIGALRM, give_up)
signal.alarm(10)
sys.exit(os.WTERMSIG(os.waitpid(pid, 0)[1]))
`;

describe('a terminal', { skip: process.platform !== 'linux' }, () => {
  const python = process.env['PILLION_TEST_PYTHON'] ?? 'python3';
  const inTerminal: Wrap = (command) => [python, '-c', IN_TERMINAL, ...command];

  it('that is closed ends the server; SIGHUP while it is open does not', async () => {
    const sidecar = await startSidecar(DIGITS, { PILLION_LOG_STYLE: 'json' }, inTerminal);
    sidecar.process.kill('SIGHUP');
    await sidecar.line(({ event }) => event === 'reread');
    assert.equal(await ask(sidecar.rest), 200);
    sidecar.process.kill('SIGUSR1');
    assert.equal(await sidecar.exited, constants.signals.SIGKILL);
  });
});

describe('standard error', () => {
  it('that is on a full disk keeps no second signal waiting', { skip: process.platform !== 'linux' }, async (t) => {
    const full = openSync('/dev/full', 'w');
    t.after(() => closeSync(full));
    assert.equal(await endBySignals(await startWithStandardError(full, [DRAINS_LATE])), 'SIGKILL');
  });

  it('that is on a full disk fails no request, and ends nothing', { skip: process.platform !== 'linux' }, async (t) => {
    const full = openSync('/dev/full', 'w');
    t.after(() => closeSync(full));
    const sidecar = await startWithStandardError(full);
    t.after(() => sidecar.process.kill('SIGKILL'));
    for (let i = 0; i < REQUESTS; i++) assert.equal(await ask(sidecar.rest), 200);
    sidecar.process.kill('SIGTERM');
    assert.equal(await sidecar.exited, 0);
  });

  it('that nobody reads keeps no request and no signal waiting; lines are lost, counted, and told when it is read', async () => {
    const sidecar = await startSidecar([...DIGITS, '--log_level=debug'], {});
    sidecar.process.stderr!.pause();
    const lost = async (): Promise<number> => {
      const page = await (await fetch(`${sidecar.admin}/metrics`)).text();
      return Number(/^pillion_log_lines_lost (\d+)$/m.exec(page)![1]);
    };
    do await askMany(sidecar.rest, 1000);
    while ((await lost()) === 0);
    assert.equal(await ask(sidecar.rest), 200);
    sidecar.process.stderr!.resume();
    const told = await sidecar.line(({ event }) => event === 'log_lines_lost');
    assert.ok((told['lines'] as number) > 0);
    assert.equal(await sidecar.stop(), 0);
  });

  it('that nobody reads does not keep the server from its end', async () => {
    const sidecar = await startSidecar([...DIGITS, '--log_level=debug'], {});
    sidecar.process.stderr!.pause();
    await askMany(sidecar.rest, 2000);
    const ended = new Promise((resolve) => sidecar.process.once('exit', resolve));
    sidecar.process.kill('SIGTERM');
    assert.equal(await ended, 0);
  });
});
