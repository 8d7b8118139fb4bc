/** The plans of what is measured. `quick` takes ten minutes, `all` forty, with four starts of each build. */
import type { ModelName } from '../compare/models.ts';
import * as grpc from '../compare/protocols/grpc.ts';
import type { Protocol } from '../compare/protocols/protocol.ts';
import * as rest from '../compare/protocols/rest.ts';
import type { SurfaceName } from '../refusals/kinds.ts';
import type { MeasureName } from './figures.ts';

/** So many connections, each of which sends its next request when the last was answered. */
export interface ClosedLoop {
  readonly name: string;
  readonly protocol: Protocol;
  /** The protocol of the pinned build, if it does not know `protocol`. */
  readonly pinnedProtocol?: Protocol;
  readonly connections: number;
  readonly measures: readonly MeasureName[];
  readonly isQuick?: boolean;
}

/** One pair of servers does all of a model's work, in this order. */
export interface ModelPlan {
  readonly model: ModelName;
  /** Warm-up of each work on each server, before its turns. */
  readonly warmUpSeconds: number;
  /** Long enough for many requests; else the shorter, the more alike the machine is for both. */
  readonly sliceMs: number;
  /** The time in which everything on its way is answered. */
  readonly drainMs: number;
  readonly works: readonly ClosedLoop[];
}

const THROUGHPUT: readonly MeasureName[] = ['requests', 'cpu'];
const LATENCY: readonly MeasureName[] = ['p50', 'p99'];
const PREDICT = { protocol: grpc.tensorFlowServing };
const REST = { protocol: rest.tensorFlowServing };
/** The pinned build is asked the same over TensorFlow Serving's gRPC, the cheapest way that it has. */
const V2 = { pinnedProtocol: grpc.tensorFlowServing };

export const MODEL_PLANS: readonly ModelPlan[] = [
  {
    model: 'half_plus_two',
    warmUpSeconds: 2,
    sliceMs: 50,
    drainMs: 6,
    works: [
      { name: 'half_plus_two gRPC, 32', ...PREDICT, connections: 32, measures: THROUGHPUT, isQuick: true },
      { name: 'half_plus_two REST, 32', ...REST, connections: 32, measures: THROUGHPUT, isQuick: true },
    ],
  },
  {
    model: 'mlp_small',
    warmUpSeconds: 2,
    sliceMs: 50,
    drainMs: 10,
    works: [
      { name: 'mlp_small gRPC, 32', ...PREDICT, connections: 32, measures: THROUGHPUT, isQuick: true },
      { name: 'mlp_small REST, 32', ...REST, connections: 32, measures: THROUGHPUT },
      { name: 'mlp_small gRPC, 1', ...PREDICT, connections: 1, measures: LATENCY },
      { name: 'mlp_small REST, 1', ...REST, connections: 1, measures: LATENCY },
      {
        name: 'mlp_small V2 gRPC raw ÷ Predict, 32',
        ...{ protocol: grpc.openInference(), ...V2 },
        ...{ connections: 32, measures: THROUGHPUT },
      },
    ],
  },
  {
    model: 'image_mean',
    warmUpSeconds: 2,
    sliceMs: 200,
    drainMs: 60,
    works: [
      { name: 'image_mean gRPC, 32', ...PREDICT, connections: 32, measures: THROUGHPUT, isQuick: true },
      {
        name: 'image_mean V2 binary REST ÷ Predict, 32',
        ...{ protocol: rest.openInferenceBinary(), ...V2 },
        ...{ connections: 32, measures: THROUGHPUT },
      },
    ],
  },
  {
    model: 'mlp_big',
    // The server learns for a while which of its plans is best.
    warmUpSeconds: 5,
    sliceMs: 200,
    drainMs: 80,
    works: [
      { name: 'mlp_big gRPC, 64', ...PREDICT, connections: 64, measures: THROUGHPUT },
      { name: 'mlp_big gRPC, 32', ...PREDICT, connections: 32, measures: THROUGHPUT },
    ],
  },
];

/** The model of the server that is started and left alone; its answers are REST's. */
export const START_MODEL: ModelName = 'mlp_small';

/** Surfaces on which wrong requests are refused; every server has these. */
export const REFUSALS: readonly { readonly name: string; readonly surface: SurfaceName }[] = [
  { name: 'half_plus_two refusals REST, 32', surface: 'TFS REST' },
  { name: 'half_plus_two refusals gRPC, 32', surface: 'TFS gRPC' },
];
export const REFUSAL_MODEL: ModelName = 'half_plus_two';

/** Names in bench/overload/workloads. */
export const OVERLOADS: readonly string[] = ['one-2x', 'mixed-1.2x', 'zipf-2x', 'hot-cold', 'azure-0.8x'];
