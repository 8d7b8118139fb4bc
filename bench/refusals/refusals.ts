/**
 * npm run bench -- refusals: what a refusal costs beside the right request, by kind and surface. 32 connections ask one
 * server for one kind at a time, in short turns, so that a ratio is of neighbours in time.
 *
 *   node build/bench/refusals/refusals.js MODELS_DIRECTORY [--rounds=7] [--requests=2000] [--model=half_plus_two]
 *     [--only=WORD] [--server=CHECKOUT]
 *
 * CPU µs a request are of all threads of the server's process. `÷ right` is the median of the rounds' ratios to the right
 * request of the same surface. It only prints.
 */
import process from 'node:process';
import { parseArgs } from 'node:util';
import { type BenchModel, loadModel, type ModelName } from '../compare/models.ts';
import { serveCommand } from '../support/checkout.ts';
import { endProgress, progress } from '../support/progress.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import { median, medianRatio } from '../support/statistics.ts';
import { takeTurns } from '../support/turns.ts';
import {
  type AnyRequest,
  ONE_CALLER,
  RIGHT,
  type ServerName,
  STRICT_BYTES,
  SURFACES,
  type SurfaceName,
} from './kinds.ts';
import { requestsOf } from './requests.ts';
import { CONNECTIONS, MOST_OTHERS, takeSlice } from './slices.ts';

const WARM_UP_ROUNDS = 2;
/** The most that a refusal may cost, in right requests. */
const WANTED = 2;
const STRICT_OPTIONS = [
  ...[`--max_message_bytes=${STRICT_BYTES}`, '--caller_requests_per_s=1'],
  `--caller_header=${ONE_CALLER[0]}`,
];

type Servers = Readonly<Record<ServerName, ServerProcess>>;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '7' },
    requests: { type: 'string', default: '2000' },
    model: { type: 'string', default: 'half_plus_two' },
    only: { type: 'string', default: '' },
    server: { type: 'string', default: '.' },
  },
});

async function startServers(model: BenchModel): Promise<Servers> {
  const args = [`--model=${model.name}=${model.directory}`];
  const start = (name: ServerName, more: readonly string[]): Promise<ServerProcess> =>
    startServer(serveCommand({ name, directory: values.server }, [...args, ...more]));
  const usual = await start('usual', []);
  try {
    return { usual, strict: await start('strict', STRICT_OPTIONS) };
  } catch (error) {
    await usual.stop();
    throw error;
  }
}

/** Prints the lines of a surface, and returns how many kinds cost more than WANTED. */
async function measureSurface(surface: SurfaceName, model: BenchModel, servers: Servers): Promise<number> {
  const all = requestsOf(surface, model);
  const requests = all.filter(({ kind }) => kind === RIGHT || kind.includes(values.only));
  const turns = { rounds: Number(values.rounds), warmUpRounds: WARM_UP_ROUNDS };
  const slices = await takeTurns(requests, turns, (request: AnyRequest) => {
    progress(`${surface}: ${request.kind}`);
    return takeSlice(request, servers[request.server], Number(values.requests));
  });
  endProgress();
  const micros = slices.map((each) => each.map(({ cpuMicros }) => cpuMicros));
  let above = 0;
  for (const [i, { kind, status }] of requests.entries()) {
    const ratio = medianRatio(micros[i]!, micros[0]!);
    if (ratio > WANTED) above += 1;
    const ended = median(slices[i]!.map(({ endedShare }) => endedShare));
    const note = ended > MOST_OTHERS ? `ends ${(100 * ended).toFixed(0)} % of its connections` : '';
    const cells = [surface, kind, status, median(micros[i]!).toFixed(1), ratio.toFixed(2), note];
    console.log(`| ${cells.join(' | ')} |`);
  }
  return above;
}

const model = await loadModel(values.model as ModelName, positionals[0]!);
const servers = await startServers(model);
try {
  console.log('| surface | kind | status | CPU µs | ÷ right | |\n|---|---|--:|--:|--:|---|');
  let above = 0;
  for (const surface of SURFACES) above += await measureSurface(surface, model, servers);
  console.log(`\n${model.name}, ${CONNECTIONS} connections: ${above} kinds cost more than ${WANTED} right requests.`);
} finally {
  await Promise.all([servers.usual.stop(), servers.strict.stop()]);
}
process.exit(0);
