/**
 * The contestants of the comparison: how each is started for one model and what it answers. The Python servers' own
 * settings are in peers/NAME/serve.py. To add one: a folder with requirements.txt (with hashes) and serve.py, and a
 * line here.
 */
import { join, resolve } from 'node:path';
import { LAUNCHED } from '../support/launcher.ts';
import type { ServerCommand } from '../support/server-process.ts';
import { type BatchCounts, readBatchCounts } from './batch-size.ts';
import type { BenchModel } from './models.ts';
import * as grpc from './protocols/grpc.ts';
import type { Protocol } from './protocols/protocol.ts';
import * as rest from './protocols/rest.ts';

/** Largest batch of every server that batches. */
const MAX_BATCH = 64;

export interface Ports {
  readonly http: number;
  readonly grpc: number;
}

export interface Contestant {
  readonly name: string;
  /** The name in tables. */
  readonly label: string;
  readonly protocols: readonly Protocol[];
  /** Its folder in peers/, and its Python environment; absent: it needs none. */
  readonly peer?: string;
  /** `ports` are free, `work` is an empty directory. */
  command(model: BenchModel, ports: Ports, work: string): ServerCommand;
  /** The server's own counts of its batches, by the origin of its REST surface. */
  readonly batchCounts?: (origin: string) => Promise<BatchCounts>;
  /** Reads the ports from the line that said it is ready, if it chose them itself. */
  portsOf?(ready: Record<string, unknown>): Ports;
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));

const TENSORFLOW_SERVING: readonly Protocol[] = [rest.tensorFlowServing, grpc.tensorFlowServing];

function pillion(
  name: string,
  label: string,
  options: readonly string[] = [],
  protocols = TENSORFLOW_SERVING,
): Contestant {
  return {
    name,
    label,
    protocols,
    batchCounts: readBatchCounts,
    command: (model) => ({
      name,
      args: [
        ...LAUNCHED,
        'serve',
        `--model=${model.name}=${model.directory}`,
        '--port=0',
        '--rest_api_port=0',
        '--admin_port=0',
        ...options,
      ],
      isReady: (line) => line['event'] === 'ready',
    }),
    portsOf: pillionPorts,
  };
}

/** Reads the ports from the line in which Pillion says that it is ready. */
export function pillionPorts(ready: Record<string, unknown>): Ports {
  const addresses = ready as { rest: string[]; grpc: string[] };
  return { http: portOf(addresses.rest[0]!), grpc: portOf(addresses.grpc[0]!) };
}

/** So many runs at once, each on so many threads, whatever the defaults are. */
function fixedPlan(slots: number, threads: number): Contestant {
  const label = `Pillion, ${slots} ${slots === 1 ? 'slot' : 'slots'} × ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return pillion(`pillion-${slots}x${threads}`, label, [
    `--num_batch_threads=${slots}`,
    `--intra_op_threads=${threads}`,
  ]);
}

function plain(name: string, label: string, script: string, protocol: Protocol): Contestant {
  return {
    name,
    label,
    protocols: [protocol],
    command: (model) => ({
      name,
      args: [`build/bench/plain/${script}.js`, model.file],
      isReady: (line) => 'port' in line,
    }),
    portsOf: ({ port }) => ({ http: port as number, grpc: port as number }),
  };
}

/** `settings` are of its serve.py; another name than the folder's tells such contestants apart. */
function peer(
  folder: string,
  label: string,
  protocols: readonly Protocol[],
  name = folder,
  settings: Readonly<Record<string, string>> = {},
): Contestant {
  return {
    name,
    label,
    protocols,
    peer: folder,
    command: (model, ports, work) => ({
      name,
      program: peerPython(folder),
      args: [join('bench', 'compare', 'peers', folder, 'serve.py')],
      env: {
        MODEL_NAME: model.name,
        MODEL_PATH: resolve(model.file),
        HTTP_PORT: String(ports.http),
        GRPC_PORT: String(ports.grpc),
        WORK: work,
        MAX_BATCH: String(MAX_BATCH),
        PYTHONPATH: resolve('bench', 'compare', 'peers'),
        PYTHONDONTWRITEBYTECODE: '1',
        OMP_NUM_THREADS: '1',
        OPENBLAS_NUM_THREADS: '1',
        ...settings,
      },
    }),
  };
}

/** The Python of the environment that scripts/lib/bench-peers.mjs makes. */
export function peerPython(name: string): string {
  return join('.cache', 'bench', 'peers', name, 'bin', 'python');
}

const SECOND_AXIS = { needsSecondAxis: true };
const OPEN_INFERENCE = [rest.openInference(), rest.openInferenceBinary(), grpc.openInference()];
const TRITON_PROTOCOLS = [
  rest.openInference(SECOND_AXIS),
  rest.openInferenceBinary(SECOND_AXIS),
  grpc.openInference(SECOND_AXIS),
];

export const CONTESTANTS: readonly Contestant[] = [
  pillion('pillion', 'Pillion'),
  pillion('pillion-v2', 'Pillion, Open Inference Protocol', [], OPEN_INFERENCE),
  pillion('pillion-v2-typed', 'Pillion, Open Inference Protocol, typed contents', [], [grpc.openInferenceTyped]),
  ...[1, 2].flatMap((slots) => [1, 2].map((threads) => fixedPlan(slots, threads))),
  plain('fastify', 'Fastify + onnxruntime-node', 'fastify-server', rest.tensorFlowServing),
  plain('grpc-js', 'grpc-js + proto-loader + onnxruntime-node', 'grpc-js-server', grpc.tensorFlowServing),
  plain('grpc-js-raw', 'grpc-js, raw buffers + onnxruntime-node', 'grpc-js-raw-server', grpc.rawBytes),
  plain('http-echo', 'node:http echo, no model', 'http-echo-server', rest.echo),
  peer('triton', 'Triton (Python backend)', TRITON_PROTOCOLS),
  peer('triton', 'Triton, 2 instances', TRITON_PROTOCOLS, 'triton-2x1', { INSTANCES: '2' }),
  peer('triton', 'Triton, 1 instance × 2 threads', TRITON_PROTOCOLS, 'triton-1x2', { THREADS: '2' }),
  peer('mosec', 'mosec', [rest.rowForm(() => '/inference')]),
  peer('mlserver', 'MLServer', [rest.openInference(), grpc.openInference()]),
  peer('kserve', 'KServe SDK (no batching)', [rest.tensorFlowServing, grpc.openInference()]),
  peer('litserve', 'LitServe', [rest.tensorFlowServing]),
  peer('bentoml', 'BentoML', [rest.rowForm(() => '/predict')]),
];

/** The one that is no server: the runtime called in a loop. */
export const RUNTIME = { name: 'runtime', label: 'onnxruntime-node, its own loop' } as const;

export const CONTESTANT_NAMES: readonly string[] = [...CONTESTANTS.map(({ name }) => name), RUNTIME.name];

export function labelOf(name: string): string {
  return name === RUNTIME.name ? RUNTIME.label : CONTESTANTS.find((contestant) => contestant.name === name)!.label;
}
