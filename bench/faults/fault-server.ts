/**
 * The real server as a child process, on ports that are known before it says anything, for faults to be injected into.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { processTree } from '../support/process-tree.ts';
import { pause, until } from './waiting.ts';

export interface ServerOptions {
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** A file that standard error goes to; by default it is read here. */
  readonly standardError?: string;
  /** A file of cgroup v1 that takes the process before it begins. */
  readonly cgroupProcs?: string;
  /** The neighbour's model is in one of the arguments. */
  readonly hasNeighbour?: true;
}

interface LogLine {
  readonly event?: string;
  readonly msg?: string;
  readonly [key: string]: unknown;
}

export const NEIGHBOUR = 'neighbour';
export const NEIGHBOUR_BASE = `${process.cwd()}/examples/half_plus_two/models/half_plus_two`;
const MAIN = 'build/src/main.js';

export class FaultServer {
  readonly process: ChildProcess;
  readonly pid: number;
  /** "http://127.0.0.1:port" */
  readonly rest: string;
  readonly admin: string;
  readonly lines: LogLine[] = [];
  /** Exit status, or the signal. */
  readonly exited: Promise<number | string>;
  hasExited = false;

  private constructor(child: ChildProcess, ports: readonly number[]) {
    this.process = child;
    this.pid = child.pid!;
    this.rest = `http://127.0.0.1:${ports[1]}`;
    this.admin = `http://127.0.0.1:${ports[2]}`;
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.hasExited = true;
        resolve(code ?? signal ?? 'unknown');
      });
    });
    if (child.stderr === null) return;
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (line.startsWith('{')) this.lines.push(JSON.parse(line) as LogLine);
    });
  }

  /** Resolves when it is ready. */
  static async start(options: ServerOptions): Promise<FaultServer> {
    const { args = [], environment = {}, standardError, cgroupProcs, hasNeighbour } = options;
    const ports = await freePorts(3);
    const flags = ['port', 'rest_api_port', 'admin_port'].map((name, i) => `--${name}=${ports[i]}`);
    const neighbour = hasNeighbour ? [] : [`--model=${NEIGHBOUR}=${NEIGHBOUR_BASE}`];
    const command = [process.execPath, MAIN, 'serve', '--bind_address=127.0.0.1', ...flags, ...neighbour, ...args];
    const into = cgroupProcs === undefined ? [] : ['sh', '-c', `echo $$ > ${cgroupProcs}; exec "$0" "$@"`];
    const [program, ...rest] = [...into, ...command] as [string, ...string[]];
    const descriptor = standardError === undefined ? undefined : openSync(standardError, 'w');
    const child = spawn(program, rest, {
      stdio: ['ignore', 'ignore', descriptor ?? 'pipe'],
      env: { ...process.env, ...environment },
    });
    if (descriptor !== undefined) closeSync(descriptor);
    const server = new FaultServer(child, ports);
    await until('the server is ready', () => server.isReady());
    return server;
  }

  /** Asks the admin port on a connection of its own. Throws if the server has ended. */
  async isReady(): Promise<boolean> {
    if (this.hasExited)
      throw new Error(`the server ended:\n${this.lines.map((line) => JSON.stringify(line)).join('\n')}`);
    const headers = { connection: 'close' };
    return fetch(`${this.admin}/ready`, { headers, signal: AbortSignal.timeout(2000) }).then(
      ({ status }) => status === 200,
      () => false,
    );
  }

  /** The status of a Predict with these numbers, on a connection of its own; 0 = no answer. */
  async predict(model: string, ...instances: number[]): Promise<number> {
    const body = JSON.stringify({ instances });
    const url = `${this.rest}/v1/models/${model}:predict`;
    const signal = AbortSignal.timeout(20_000);
    return fetch(url, { method: 'POST', body, signal, headers: { connection: 'close' } }).then(
      async (answer) => {
        await answer.arrayBuffer();
        return answer.status;
      },
      () => 0,
    );
  }

  async untilAnswers(model: string): Promise<void> {
    await until(`${model} answers`, async () => (await this.predict(model, 2)) === 200);
  }

  /** The versions of a model that are served. */
  async versionsOf(model: string): Promise<readonly string[]> {
    const answer = await fetch(`${this.rest}/v1/models/${model}`);
    const { model_version_status: all } = (await answer.json()) as {
      model_version_status: readonly { readonly version: string; readonly state: string }[];
    };
    return all.filter(({ state }) => state === 'AVAILABLE').map(({ version }) => version);
  }

  async line(what: string, matches: (line: LogLine) => boolean, since = 0): Promise<void> {
    await until(what, () => this.lines.slice(since).some(matches));
  }

  /** Resident memory of the process and its children, in MiB. */
  rssMib(): number {
    let kib = 0;
    for (const pid of processTree(this.pid)) {
      try {
        kib += Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
      } catch {
        // It has just ended.
      }
    }
    return Math.round(kib / 1024);
  }

  /** Ends it if it runs; kills what does not end, and its children. Resolves with how it ended. */
  async end(): Promise<number | string> {
    const tree = processTree(this.pid);
    this.process.kill('SIGTERM');
    const ended = await Promise.race([this.exited, pause(15_000).then(() => 'did not end')]);
    for (const pid of tree) {
      try {
        if (pid !== this.pid || !this.hasExited) process.kill(pid, 'SIGKILL');
      } catch {
        // It is gone, as it should be.
      }
    }
    return ended;
  }
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
