/** The programs that are started: bare Node, Pillion, and those of Envoy and Triton that are at hand. */
import { Buffer } from 'node:buffer';
import { existsSync } from 'node:fs';
import { CONTESTANTS, peerPython } from '../compare/contestants.ts';
import type { BenchModel } from '../compare/models.ts';
import { startContestant } from '../compare/running-contestant.ts';
import { startEnvoy } from '../fronting/contestants.ts';
import { LAUNCH_FLAGS } from '../support/launcher.ts';
import { wrk } from '../support/load-generators.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';

export interface Started {
  readonly server: ServerProcess;
  /** Milliseconds from the start of the process to the first right answer. */
  readonly startMs: number;
  /** Absent: it answers nothing that could be asked for under load. */
  readonly load?: (seconds: number) => Promise<void>;
  stop(): Promise<void>;
}

export interface Entrant {
  readonly name: string;
  start(): Promise<Started>;
}

const PORTS = ['--port=0', '--rest_api_port=0', '--admin_port=0'];
const LOAD_CONNECTIONS = 32;
const HTTP_SERVER = `require('node:http').createServer((_, answer) => answer.end('{}'))
  .listen(0, '127.0.0.1', function () { console.log(JSON.stringify({ rest: [':' + this.address().port] })) })`;

/**
 * `main`: the built server, started as bin/pillion does; `nothing`: a list of models without any; `envoy`: its program.
 */
export function entrants(model: BenchModel, main: string, nothing: string, envoy: string | undefined): Entrant[] {
  const pillion = (name: string, args: readonly string[], path: string, body?: Uint8Array): Entrant =>
    node(name, [...LAUNCH_FLAGS, main, 'serve', ...args, ...PORTS], path, body);
  const { predictPath, predictBody } = predictOf(model);
  const found = [
    node('node, nothing', ['-e', "console.log('{}'); setInterval(() => {}, 1e6)"]),
    node('node:http', ['-e', HTTP_SERVER], '/'),
    pillion('pillion, no model', [`--model_config_file=${nothing}`], '/openapi.json'),
    pillion(`pillion, ${model.name}`, [`--model=${model.name}=${model.directory}`], predictPath, predictBody),
  ];
  if (envoy !== undefined) found.push({ name: 'envoy', start: () => startFront(envoy) });
  if (existsSync(peerPython('triton'))) found.push({ name: `triton, ${model.name}`, start: () => startTriton(model) });
  return found;
}

function predictOf(model: BenchModel): { predictPath: string; predictBody: Uint8Array } {
  const protocol = CONTESTANTS.find(({ name }) => name === 'pillion')!.protocols[0]!;
  return { predictPath: protocol.path(model), predictBody: protocol.request(model) };
}

/** A server on Node that says its address in a line. Without a path it is there when it has written the line. */
function node(name: string, args: readonly string[], path?: string, body?: Uint8Array): Entrant {
  return {
    name,
    start: async () => {
      const startedAt = performance.now();
      const isReady = (line: Record<string, unknown>): boolean => !('level' in line) || line['event'] === 'ready';
      const server = await startServer({ name, args, isReady, env: { MALLOC_MMAP_THRESHOLD_: '1048576' } });
      const stop = (): Promise<void> => server.stop();
      if (path === undefined) return { server, startMs: performance.now() - startedAt, stop };
      const [address] = (server.ready as unknown as { rest: string[] }).rest;
      const url = `http://${address!.replace(/^.*:/, '127.0.0.1:')}${path}`;
      const post = { method: 'POST', headers: { 'content-type': 'application/json' } };
      const answer = await fetch(url, body === undefined ? {} : { ...post, body: Buffer.from(body) });
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`${name} answered ${answer.status}`);
      const startMs = performance.now() - startedAt;
      return body === undefined ? { server, startMs, stop } : { server, startMs, stop, load: loadOf(url, body) };
    },
  };
}

function loadOf(url: string, body: Uint8Array): (seconds: number) => Promise<void> {
  return async (seconds) => {
    const { failed } = await wrk({ url, body, seconds, connections: LOAD_CONNECTIONS });
    if (failed > 0) throw new Error(`${failed} requests failed`);
  };
}

async function startFront(program: string): Promise<Started> {
  const app = await startServer({ name: 'app', args: ['-e', HTTP_SERVER], isReady: () => true });
  const [address] = (app.ready as unknown as { rest: string[] }).rest;
  const startedAt = performance.now();
  const { server } = await startEnvoy(Number(address!.slice(1)), program);
  const startMs = performance.now() - startedAt;
  const stop = async (): Promise<void> => {
    await server.stop();
    await app.stop();
  };
  return { server, startMs, stop };
}

async function startTriton(model: BenchModel): Promise<Started> {
  const triton = CONTESTANTS.find(({ name }) => name === 'triton')!;
  const { targets, startSeconds, stop } = await startContestant(triton, model, ['REST']);
  const { server, protocol, origin } = targets[0]!;
  server.resume();
  const load = loadOf(`${origin}${protocol.path(model)}`, protocol.request(model));
  return { server, startMs: startSeconds * 1000, stop, load };
}
