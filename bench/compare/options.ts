/** The command line, and what is measured where it says nothing: a plan that ends within a quarter of an hour. */
import { parseArgs } from 'node:util';
import { CONTESTANT_NAMES } from './contestants.ts';
import { MODEL_NAMES, type ModelName } from './models.ts';
import type { Surface } from './protocols/protocol.ts';

export const HELP = `Compares Pillion with other servers on this machine, in one run.

  --peers=A,B         of ${CONTESTANT_NAMES.join(', ')}
  --models=A,B        of ${MODEL_NAMES.join(', ')}
  --surfaces=A,B      of rest, binary, grpc
  --connections=1,32  closed-loop connections
  --rounds=5          every contestant is measured once a round, in turn
  --seconds=2         for each measurement
  --burner            mlp_big alone, while another process burns one core: Pillion by itself beside one run on one thread;
                      the rounds are in .cache/bench/compare-burner.json
  --publish           writes bench/results/compare.json and docs/results/benchmarks.md even if only a part was measured
  --render            measures nothing, writes docs/results/benchmarks.md anew from bench/results/compare.json

Without --peers, --models, --surfaces and --connections each model is measured with what its figures are about, and the
results are published. Otherwise they land in .cache/bench/compare.json.`;

export interface ModelPlan {
  readonly model: ModelName;
  readonly peers: readonly string[];
  readonly surfaces: readonly Surface[];
  readonly connections: readonly number[];
}

export interface CompareOptions {
  readonly help: boolean;
  readonly render: boolean;
  readonly publish: boolean;
  /** One core is burned during all measurements. */
  readonly burner: boolean;
  readonly rounds: number;
  readonly seconds: number;
  readonly plans: readonly ModelPlan[];
}

const SURFACES: Readonly<Record<string, Surface>> = { rest: 'REST', binary: 'REST binary', grpc: 'gRPC' };
const JSON_AND_GRPC: readonly Surface[] = ['REST', 'gRPC'];

/** mlp_small is for everyone; the others are about one thing each. Over JSON an image would measure number parsers. */
const DEFAULT_PLAN: readonly ModelPlan[] = [
  {
    model: 'mlp_small',
    peers: ['pillion', 'fastify', 'grpc-js', 'triton', 'mosec', 'mlserver', 'kserve', 'litserve', 'bentoml'],
    surfaces: JSON_AND_GRPC,
    connections: [1, 32],
  },
  {
    model: 'half_plus_two',
    peers: ['pillion', 'fastify', 'grpc-js', 'http-echo', 'triton'],
    surfaces: JSON_AND_GRPC,
    connections: [32],
  },
  { model: 'digits', peers: ['pillion', 'fastify', 'grpc-js', 'triton'], surfaces: JSON_AND_GRPC, connections: [32] },
  {
    model: 'mlp_big',
    peers: [
      'pillion',
      'pillion-1x1',
      'pillion-1x2',
      'pillion-2x1',
      'pillion-2x2',
      'grpc-js',
      'triton',
      'triton-2x1',
      'triton-1x2',
      'runtime',
    ],
    surfaces: ['gRPC'],
    connections: [32, 64],
  },
  {
    model: 'image_mean',
    peers: ['pillion', 'grpc-js', 'grpc-js-raw', 'triton'],
    surfaces: ['gRPC'],
    connections: [32],
  },
];

/** Shows the effect of a core that someone else has on a plan that reckons with all cores. */
const BURNER_PLAN: ModelPlan = {
  model: 'mlp_big',
  peers: ['pillion', 'pillion-1x1'],
  surfaces: ['gRPC'],
  connections: [32],
};

/** Throws with what is wrong and what there is. */
export function readOptions(args: readonly string[]): CompareOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', default: false },
      render: { type: 'boolean', default: false },
      publish: { type: 'boolean', default: false },
      burner: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      peers: { type: 'string' },
      models: { type: 'string' },
      surfaces: { type: 'string' },
      connections: { type: 'string' },
    },
  });
  const { peers, models, surfaces, connections, burner } = values;
  if (burner && (values.publish || models !== undefined))
    throw new Error('--burner has a model and a file of its own; it goes with neither --models nor --publish');
  const isWhole = [peers, models, surfaces, connections].every((value) => value === undefined);
  const chosen = {
    ...(peers !== undefined && { peers: oneOf('peers', peers, CONTESTANT_NAMES) }),
    ...(surfaces !== undefined && {
      surfaces: oneOf('surfaces', surfaces, Object.keys(SURFACES)).map((name) => SURFACES[name]!),
    }),
    ...(connections !== undefined && { connections: connections.split(',').map((n) => positive('connections', n)) }),
  };
  const names = models === undefined ? MODEL_NAMES : oneOf('models', models, MODEL_NAMES);
  return {
    help: values.help,
    render: values.render,
    burner,
    publish: values.publish || (isWhole && !burner),
    rounds: positive('rounds', values.rounds),
    seconds: positive('seconds', values.seconds),
    plans: (burner ? [BURNER_PLAN] : DEFAULT_PLAN)
      .filter(({ model }) => names.includes(model))
      .map((plan) => ({ ...plan, ...chosen })),
  };
}

function oneOf(flag: string, list: string, known: readonly string[]): string[] {
  const names = list.split(',');
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`--${flag} has ${unknown.join(', ')}; there is ${known.join(', ')}`);
  return names;
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${flag} is ${text}; whole numbers from 1 on`);
  return value;
}
