/** Servers of embeddings: how each is started, and asked for the embedding of one text. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { freePort } from '../support/free-port.ts';
import { FREE_PORTS, LAUNCHED } from '../support/launcher.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';

export interface Contestant {
  readonly name: string;
  /** A page says this of it. */
  readonly says: string;
  readonly server: ServerProcess;
  embed(text: string): Promise<readonly number[]>;
}

export interface Models {
  /** The base path of the ONNX model. */
  readonly base: string;
  /** The folder of the weights, as sentence-transformers reads it. */
  readonly source: string;
  /** A folder for a copy. */
  readonly scratch: string;
}

export interface Pythons {
  readonly peer: string;
  /** It has torch. Undefined: those that need it do not take part. */
  readonly torch: string | undefined;
}

const MODEL = 'minilm';
/** More than the slowest start took on two busy cores. */
const START_MS = 180_000;
/** Nothing is fetched and nothing told to anybody. */
const OFFLINE = { HF_HUB_OFFLINE: '1', DO_NOT_TRACK: '1', INFINITY_ANONYMOUS_USAGE_STATS: '0' };
const INFINITY = 'import os, sys; os.chdir(sys.argv.pop(1)); from infinity_emb.cli import cli; cli()';

type Start = (models: Models, pythons: Pythons & { readonly torch: string }) => Promise<Contestant>;

const isReady = (line: Record<string, unknown>): boolean => line['event'] === 'ready';

const STARTS: Readonly<Record<string, Start>> = {
  pillion: async ({ base }) => {
    const args = [...LAUNCHED, 'serve', ...FREE_PORTS, `--model=${MODEL}=${base}`];
    return teiContestant('pillion', 'ONNX Runtime', await startServer({ name: 'pillion', args, isReady }));
  },
  peer: async ({ base }, { peer }) => {
    const command = { name: 'peer', program: peer, args: ['bench/text/peer.py', join(base, '1')], isReady };
    return teiContestant('peer', 'FastAPI, tokenizers, ONNX Runtime, batches by length', await startServer(command));
  },
  'infinity-onnx': ({ base, scratch }, { torch }) => {
    const folder = join(scratch, 'infinity');
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    cpSync(join(base, '1'), folder, { recursive: true });
    // It cuts texts where the positions end, and the model's own are cut before.
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
    const { max_seq_length: most } = JSON.parse(readFileSync(join(folder, 'sentence_bert_config.json'), 'utf8'));
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, max_position_embeddings: most }));
    return infinity(
      'infinity-onnx',
      'Infinity, its engine optimum: ONNX Runtime',
      folder,
      ['--engine', 'optimum', '--pooling-method', 'mean'],
      torch,
    );
  },
  'infinity-torch': ({ source }, { torch }) =>
    infinity('infinity-torch', 'Infinity, its engine torch', source, ['--engine', 'torch'], torch),
  'sentence-transformers': async ({ source }, { torch }) => {
    const args = ['bench/text/sentence_transformers_server.py', source];
    const command = { name: 'sentence-transformers', program: torch, args, isReady, env: OFFLINE };
    const says = 'FastAPI, SentenceTransformer.encode in its threads: torch';
    return teiContestant('sentence-transformers', says, await startServer(command));
  },
};

export const CONTESTANTS: readonly string[] = Object.keys(STARTS);
const WITHOUT_TORCH = ['pillion', 'peer'];

/** Starts those of these names that can take part, one after another; ends all if one fails to start. */
export async function startContestants(
  names: readonly string[],
  models: Models,
  { peer, torch }: Pythons,
): Promise<readonly Contestant[]> {
  const started: Contestant[] = [];
  try {
    for (const name of names) {
      if (torch === undefined && !WITHOUT_TORCH.includes(name)) continue;
      started.push(await STARTS[name]!(models, { peer, torch: torch ?? '' }));
    }
  } catch (error) {
    for (const { server } of started) await server.stop();
    throw error;
  }
  return started;
}

/** One with the API of text-embeddings-inference. */
function teiContestant(name: string, says: string, server: ServerProcess): Contestant {
  const [address] = server.ready['rest'] as string[];
  const url = `http://${address}/embed`;
  return { name, says, server, embed: async (text) => (await post(url, { inputs: text, truncate: true }))[0] };
}

/** Begins in the model's folder, as it takes a local ONNX file only there. Without its measuring of itself at the start. */
async function infinity(
  name: string,
  says: string,
  folder: string,
  engine: readonly string[],
  python: string,
): Promise<Contestant> {
  const port = await freePort();
  const local = ['--model-id', '.', '--served-model-name', MODEL, '--host', '127.0.0.1', '--port', String(port)];
  const plain = ['--device', 'cpu', '--dtype', 'float32', '--no-bettertransformer', '--no-model-warmup'];
  const args = ['-c', INFINITY, folder, 'v2', ...local, ...engine, ...plain];
  const server = await startServer({ name, program: python, args, env: OFFLINE });
  await answering(`http://127.0.0.1:${port}/health`, server);
  const url = `http://127.0.0.1:${port}/embeddings`;
  return {
    name,
    says,
    server,
    embed: async (text) => (await post(url, { model: MODEL, input: text })).data[0].embedding,
  };
}

async function answering(url: string, server: ServerProcess): Promise<void> {
  const end = performance.now() + START_MS;
  while (performance.now() < end && server.ending() === undefined) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok === true) return;
    await setTimeout(200);
  }
  const output = server.output();
  await server.stop();
  throw new Error(`${server.name} does not answer:\n${output}`);
}

// biome-ignore lint/suspicious/noExplicitAny: JSON of servers of others.
async function post(url: string, body: object): Promise<any> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body), headers });
  if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`);
  return answer.json();
}
