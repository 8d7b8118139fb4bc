/**
 * npm run bench -- beside-app: what a saturated model does to the application that shares its cores.
 *
 *   node build/bench/beside-app/beside-app.js MODELS_DIRECTORY [--rates=200,500] [--rounds=5] [--seconds=4]
 *        [--connections=32] [--model=mlp_big] [--surface=grpc|rest] [--server='NAME MAIN FLAG…']… [--apart]
 *
 *   clients ──▶ application                     plain
 *   clients ──▶ server ──▶ application          quiet
 *   clients ──▶ server ──▶ application          loaded: `connections` callers of the model in a closed loop beside it
 *
 * All take turns, round by round. The application's clients run as from another machine: before everything else
 * (SCHED_FIFO) where that is permitted. `--apart`: the application in a session of its own, whose threads weigh as much
 * as all of the server's, as in a container of its own. Several servers are compared by several --server.
 */
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { type BenchModel, loadModel, type ModelName } from '../compare/models.ts';
import { tensorFlowServing as overGrpc } from '../compare/protocols/grpc.ts';
import { tensorFlowServing as overRest } from '../compare/protocols/rest.ts';
import { FREE_PORTS, LAUNCH_FLAGS } from '../support/launcher.ts';
import { h2load, type LoadResult, wrk } from '../support/load-generators.ts';
import { watchForeignCpu } from '../support/machine.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import { takeTurns } from '../support/turns.ts';
import type { ClientFigures } from './app-client.ts';
import { type CoreUse, coreUseOf, usedSince } from './core-use.ts';
import { renderRates, type Turn } from './render.ts';

const runFile = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
/** The load stands for so long before the clients begin, and outlasts them by as much. */
const LEAD_IN_S = 1;
const WARM_UP_S = 3;
const WARM_UP_RATE = 500;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rates: { type: 'string', default: '200,500' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '32' },
    surface: { type: 'string', default: 'grpc' },
    model: { type: 'string', default: 'mlp_big' },
    server: { type: 'string', multiple: true, default: ['pillion dist/bundle/main.cjs'] },
    apart: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const connections = Number(values.connections);

interface Fronting {
  readonly server: ServerProcess;
  readonly port: string;
  readonly grpcPort: string;
}

/** A contestant that is asked, and whether the model is busy meanwhile. */
interface Contestant {
  readonly name: string;
  readonly port: string;
  readonly loaded: Fronting | undefined;
  /** Processes whose waits for a core are counted. */
  readonly server: ServerProcess | undefined;
  readonly app: ServerProcess;
}

let seed = 1;

async function turn({ port, loaded, server, app }: Contestant, rate: number, model: BenchModel): Promise<Turn> {
  const loading = loaded && loadModelFor(loaded, model, seconds + 2 * LEAD_IN_S);
  if (loaded !== undefined) await pause(1000 * LEAD_IN_S);
  const use = (): readonly CoreUse[] =>
    [app, ...(server === undefined ? [] : [server])].map(({ pid }) => coreUseOf(pid));
  const before = use();
  const ours = (): number => app.cpuSeconds() + (server?.cpuSeconds() ?? 0);
  const [foreign, oursBefore] = [watchForeignCpu(), ours()];
  const clients = await askApp(port, rate);
  // The model's callers are counted when they have ended: until then they are foreign.
  const foreignShare = foreign.share(ours() - oursBefore);
  const [ofApp, ofServer] = use().map((now, i) => usedSince(before[i]!, now, clients.answered.length));
  const load = await loading;
  const [goodput, failedRuns] = [load?.requestsPerSecond ?? 0, load?.failed ?? 0];
  return { clients, app: ofApp!, server: ofServer, goodput, failedRuns, foreignShare };
}

async function askApp(port: string, rate: number): Promise<ClientFigures> {
  const args = [here('./app-client.js'), port, String(rate), String(seconds), String(seed++)];
  const [program, ...before] = [...first(), process.execPath];
  const { stdout } = await runFile(program!, [...before, ...args], { maxBuffer: 2 ** 28 });
  return JSON.parse(stdout) as ClientFigures;
}

function loadModelFor({ port, grpcPort }: Fronting, model: BenchModel, length: number): Promise<LoadResult> {
  const isGrpc = values.surface === 'grpc';
  const protocol = isGrpc ? overGrpc : overRest;
  const url = `http://127.0.0.1:${isGrpc ? grpcPort : port}${protocol.path(model)}`;
  return (isGrpc ? h2load : wrk)({ url, connections, seconds: length, body: protocol.request(model) });
}

let firstWords: readonly string[] | undefined;

/** The command that runs another before all others; none where that is not permitted. */
function first(): readonly string[] {
  firstWords ??= ['chrt', '-f', '1'];
  if (firstWords.length === 0) return firstWords;
  try {
    execFileSync('chrt', ['-f', '1', 'true'], { stdio: 'ignore' });
  } catch {
    console.error('the clients run as any process: chrt -f is not permitted here');
    firstWords = [];
  }
  return firstWords;
}

async function front(words: string, app: string, model: BenchModel): Promise<Fronting> {
  const [name, main, ...flags] = words.split(/\s+/) as [string, string, ...string[]];
  const server = await startServer({
    name,
    args: [
      ...[...LAUNCH_FLAGS, main, 'serve', ...FREE_PORTS],
      ...[`--model=${model.name}=${model.directory}`, `--app=http://127.0.0.1:${app}`, ...flags],
    ],
    isReady: (line) => line['event'] === 'ready',
  });
  return { server, port: portOf(server.ready['rest']), grpcPort: portOf(server.ready['grpc']) };
}

function portOf(addresses: unknown): string {
  const [address] = addresses as string[];
  return address!.slice(address!.lastIndexOf(':') + 1);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function measure(model: BenchModel, frontings: readonly Fronting[], app: ServerProcess): Promise<void> {
  const appPort = String(app.ready['port']);
  const contestants: Contestant[] = [
    { name: 'plain', port: appPort, loaded: undefined, server: undefined, app },
    ...frontings.flatMap((fronting) =>
      [undefined, fronting].map((loaded) => ({
        ...{
          name: `${fronting.server.name} ${loaded === undefined ? 'quiet' : 'loaded'}`,
          port: fronting.port,
          loaded,
        },
        ...{ server: fronting.server, app },
      })),
    ),
  ];
  for (const fronting of frontings) {
    await loadModelFor(fronting, model, WARM_UP_S);
    await askApp(fronting.port, WARM_UP_RATE);
  }
  for (const rate of values.rates.split(',').map(Number)) {
    const turns = await takeTurns(contestants, { rounds: Number(values.rounds), warmUpRounds: 0 }, (contestant) =>
      turn(contestant, rate, model),
    );
    console.log(`\n${rate} requests a second of the application\n`);
    console.log(renderRates(contestants.map(({ name }, i) => ({ name, turns: turns[i]! }))));
  }
}

const app = await startServer({
  name: 'application',
  ...(values.apart ? { program: 'setsid' } : {}),
  args: [...(values.apart ? [process.execPath] : []), here('./application.js')],
  isReady: (line) => line['port'] !== undefined,
});
if (values.apart) {
  // The application weighs as much as this session.
  const weight = /nice (-?\d+)/.exec(readFileSync('/proc/self/autogroup', 'utf8'))![1]!;
  writeFileSync(`/proc/${app.pid}/autogroup`, weight);
}
const model = await loadModel(values.model as ModelName, positionals[0]!);
const frontings: Fronting[] = [];
try {
  for (const words of values.server) frontings.push(await front(words, String(app.ready['port']), model));
  await measure(model, frontings, app);
} finally {
  for (const { server } of frontings) await server.stop();
  await app.stop();
}
