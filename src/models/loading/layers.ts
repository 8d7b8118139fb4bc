/**
 * The layers that features put into a version's stack, each around the next one (version-stack.ts says where they stand).
 * A feature adds its layer before the first load. A version's stack is composed once, of the layers that its model asks
 * for: so a request does not pass one that is installed and not asked for.
 */
import type { Host, HostOptions } from '../../backends/host/start-host.ts';
import type { ModelConfig } from '../../config/model-config.ts';
import type { Facts } from '../../core/collections/facts.ts';
import type { Executor } from '../../core/executor.ts';
import type { Signatures } from '../../core/signature.ts';
import type { ModelFile } from '../model-file/load-model-file.ts';
import type { ServableRunner } from '../serving/servable.ts';

/** The version whose stack is composed. It may be composed again, with other batch axes. */
export interface LayeredVersion {
  readonly model: ModelConfig;
  readonly version: bigint;
  /** It has no run of its own: its runs are those of other models, which may change under it. */
  readonly isComposed: boolean;
  /** The graph's own. */
  readonly signatures: Signatures;
  /** All stacks of the version share them. */
  readonly facts: Facts;
  /** Tells operators something of the version: "finding; what helps". */
  warn(text: string): void;
}

/** Puts a layer around `inner`, or returns `inner` where the version does not ask for one. The layer closes `inner`. */
export type RunnerLayer = (inner: ServableRunner, version: LayeredVersion) => ServableRunner;

/** A version whose model has been opened. */
export interface OpenedForLayers {
  readonly model: ModelConfig;
  readonly version: bigint;
  readonly versionDirectory: string;
  /** Undefined if its directory has none. */
  readonly modelFile: ModelFile | undefined;
  readonly facts: Facts;
  /** Runs its batches: the host, or the layer around it. */
  readonly executor: Executor;
  /** The signatures that are served. */
  readonly signatures: Signatures;
  readonly runtime: string;
  /** Starts a second host of the version: one slot at the lowest priority. `what` it is for is a part of its name. */
  startBackground(
    what: string,
    runtime: string,
    onWorkerEvent: NonNullable<HostOptions['onWorkerEvent']>,
  ): Promise<Host>;
}

/** A layer around the executor of a version, which all its stacks share. */
export interface BatchLayer {
  readonly executor: Executor;
  /** The version has been warmed up. */
  start(): void;
  /** The version runs nothing any more; the host closes at the same time. */
  close(): Promise<void>;
}

/** Undefined where the version does not ask for the layer. */
export type MakeBatchLayer = (version: OpenedForLayers) => BatchLayer | undefined;

/** Layers by their place; in each, later ones stand around earlier ones. */
export interface Layers {
  /** Layers above the declared signatures: they see requests as callers name things. */
  readonly requests: readonly RunnerLayer[];
  /** Layers above the scheduler: they see requests by the graph's names. A composed version has none. */
  readonly runs: readonly RunnerLayer[];
  /** Layers around the host, below the circuit breaker: they see batches that run. A composed version has none. */
  readonly batches: readonly MakeBatchLayer[];
}

export const NO_LAYERS: Layers = { requests: [], runs: [], batches: [] };
