/** The ratios that the comparison is for. Each is the median of the rounds' own ratios: neighbours in time. */
import { median } from '../support/statistics.ts';
import { labelOf } from './contestants.ts';
import { type Cell, type Figure, figureOf, type Results, roundsOf } from './results.ts';

export interface RatioOfInterest {
  readonly text: string;
  readonly figure: Figure;
  readonly over: Cell;
  readonly under: Cell;
  /** A latency: below 1 is good. */
  readonly isLowerBetter: boolean;
}

export interface Ratio extends RatioOfInterest {
  readonly value: number;
  readonly least: number;
  readonly most: number;
}

const cell = (model: Cell['model'], contestant: string, surface: Cell['surface'], connections: number): Cell => ({
  model,
  contestant,
  surface,
  connections,
});
const ratio = (text: string, figure: Figure, over: Cell, under: Cell): RatioOfInterest => ({
  text,
  figure,
  over,
  under,
  isLowerBetter: figure === 'p50Ms',
});

const SMALL = cell('mlp_small', 'pillion', 'gRPC', 32);
const SMALL_TRITON = cell('mlp_small', 'triton', 'gRPC', 32);

export const RATIOS_OF_INTEREST: readonly RatioOfInterest[] = [
  ratio(
    'gRPC, requests a second ÷ plain grpc-js with proto-loader',
    'requestsPerSecond',
    SMALL,
    cell('mlp_small', 'grpc-js', 'gRPC', 32),
  ),
  ratio('gRPC, requests a second ÷ Triton', 'requestsPerSecond', SMALL, SMALL_TRITON),
  ratio('gRPC, requests a CPU second ÷ Triton', 'requestsPerCpuSecond', SMALL, SMALL_TRITON),
  ratio(
    'REST, requests a second ÷ plain Fastify',
    'requestsPerSecond',
    cell('mlp_small', 'pillion', 'REST', 32),
    cell('mlp_small', 'fastify', 'REST', 32),
  ),
  ratio(
    'gRPC, requests a second ÷ a node:http echo without a model',
    'requestsPerSecond',
    cell('half_plus_two', 'pillion', 'gRPC', 32),
    cell('half_plus_two', 'http-echo', 'REST', 32),
  ),
  ratio(
    'gRPC, p50 ÷ plain grpc-js with proto-loader (lower is better)',
    'p50Ms',
    cell('mlp_small', 'pillion', 'gRPC', 1),
    cell('mlp_small', 'grpc-js', 'gRPC', 1),
  ),
  ratio(
    'gRPC, rows a second ÷ the runtime’s own loop with batches as large as Pillion’s',
    'requestsPerSecond',
    cell('mlp_big', 'pillion', 'gRPC', 64),
    cell('mlp_big', 'runtime', 'loop', 64),
  ),
  ...[32, 64].flatMap((connections) =>
    ['triton', 'triton-2x1', 'triton-1x2'].map((triton) =>
      ratio(
        `gRPC, requests a second ÷ ${labelOf(triton)}`,
        'requestsPerSecond',
        cell('mlp_big', 'pillion', 'gRPC', connections),
        cell('mlp_big', triton, 'gRPC', connections),
      ),
    ),
  ),
  ratio(
    'gRPC, requests a second ÷ grpc-js with raw buffers',
    'requestsPerSecond',
    cell('image_mean', 'pillion', 'gRPC', 32),
    cell('image_mean', 'grpc-js-raw', 'gRPC', 32),
  ),
];

/** The ratios whose both sides were measured. */
export function ratiosOf(results: Results): Ratio[] {
  return RATIOS_OF_INTEREST.flatMap((interest) => {
    const unders = new Map(roundsOf(results, interest.under).map((round) => [round.round, round]));
    const values = roundsOf(results, interest.over).flatMap((round) => {
      const under = unders.get(round.round);
      return under === undefined ? [] : [figureOf(round, interest.figure) / figureOf(under, interest.figure)];
    });
    if (values.length === 0) return [];
    return [{ ...interest, value: median(values), least: Math.min(...values), most: Math.max(...values) }];
  });
}
