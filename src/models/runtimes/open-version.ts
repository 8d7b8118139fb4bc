/**
 * A version directory → a host that runs it: of the backend that the model names or that knows the files, or of the fastest
 * one where it says `auto`.
 */
import { inlineLimitsFor } from '../../backends/host/host-choice.ts';
import type { ProcessGroup } from '../../backends/host/process/process-group.ts';
import { type Host, type HostOptions, startHost } from '../../backends/host/start-host.ts';
import { artifactKinds } from '../../backends/registry.ts';
import { AUTO_RUNTIME, type ModelConfig } from '../../config/model-config.ts';
import type { Signatures } from '../../core/signature.ts';
import type { LoadServableOptions } from '../loading/load-options.ts';
import type { ModelBatching } from '../loading/model-batching.ts';
import { modelSlots } from '../loading/model-slots.ts';
import { chooseRuntime, type RuntimeChoice } from './choose-runtime.ts';

/** What is loaded. */
export interface VersionTarget {
  readonly model: ModelConfig;
  readonly version: bigint;
  readonly versionDirectory: string;
  readonly batching: ModelBatching;
}

export interface OpenedVersion {
  readonly host: Host;
  /** Those that are served: of several artifacts the ones that they have in common. */
  readonly signatures: Signatures;
  /** By which it can be opened once more; undefined = by the artifact found. */
  readonly backendKind: string | undefined;
  /** Undefined where the configuration, or the first artifact found, decided. */
  readonly choice: RuntimeChoice | undefined;
}

type WorkerListener = NonNullable<HostOptions['onWorkerEvent']>;

/** Rejects with `load_failed`; nothing is left running then. */
export async function openVersion(
  options: LoadServableOptions,
  target: VersionTarget,
  onWorkerEvent: WorkerListener,
): Promise<OpenedVersion> {
  const { batching } = target;
  const { backend } = target.model;
  const kinds = backend === AUTO_RUNTIME ? await artifactKinds(target.versionDirectory) : [];
  const start = (backendKind: string | undefined): Promise<Host> =>
    startModelHost(options, target, { backendKind, onWorkerEvent });
  if (kinds.length === 0) {
    // With `auto` there is another server's model, or nothing: the registry says what it wanted.
    const backendKind = backend === AUTO_RUNTIME ? undefined : backend;
    const host = await start(backendKind);
    return { host, signatures: host.signatures, backendKind, choice: undefined };
  }
  const { clock, isServing, learnedRows } = options;
  const { host, executor, signatures, choice } = await chooseRuntime({
    kinds,
    start,
    clock,
    scheduler: batching.isBatchingEnabled ? batching.scheduler : { maxBatchSize: 1, allowedBatchSizes: [] },
    isGentle: isServing?.() ?? false,
    learnedRows: learnedRows?.(target.model.name),
  });
  return { host: { ...host, executor }, signatures, backendKind: choice.runtime, choice };
}

/** A host of one backend, as the model and the server want it. */
export async function startModelHost(
  options: LoadServableOptions,
  { model, version, versionDirectory, batching }: VersionTarget,
  of: Pick<HostOptions, 'backendKind' | 'onWorkerEvent'>,
): Promise<Host> {
  const { name } = model;
  const { clock, events } = options;
  const { isBatchingEnabled, scheduler } = batching;
  return startHost({
    model: name,
    versionDirectory,
    loadOptions: loadOptionsOf(options, model),
    ...of,
    slots: await modelSlots(of.backendKind, versionDirectory, batching),
    clock,
    host: model.host,
    defaultHost: options.host,
    limits: inlineLimitsFor(options.cores),
    maxBatchSize: isBatchingEnabled ? scheduler.maxBatchSize : 1,
    onMove: (move) => events.onMove(name, version, move),
    onOutput: (line, traceparent) => events.onOutput?.(name, version, line, traceparent),
    processGroup: groupOf(options, model),
    ceilingBytes: options.processCeilingBytes ?? Infinity,
  });
}

/**
 * The host of a shadow: one slot that nobody waits for. Never on the event loop, unless its backend computes elsewhere; in
 * a process where the model is confined to one.
 */
export function startShadowHost(
  options: LoadServableOptions,
  { model, version, versionDirectory, batching }: VersionTarget,
  of: Pick<HostOptions, 'backendKind' | 'onWorkerEvent'>,
): Promise<Host> {
  const isConfined = (model.host ?? options.host) === 'process';
  return startHost({
    model: `${model.name} (shadow)`,
    versionDirectory,
    loadOptions: loadOptionsOf(options, model),
    ...of,
    slots: 1,
    isBackground: true,
    clock: options.clock,
    defaultHost: isConfined ? 'process' : 'thread',
    maxBatchSize: batching.scheduler.maxBatchSize,
    onOutput: (line, traceparent) => options.events.onOutput?.(model.name, version, line, traceparent),
    ceilingBytes: options.processCeilingBytes ?? Infinity,
  });
}

/** Whose process the model shares; undefined = it has its own, or none. */
export function groupOf(
  { processGroups }: LoadServableOptions,
  { processGroup }: ModelConfig,
): ProcessGroup | undefined {
  return processGroup === undefined ? undefined : processGroups.of(processGroup);
}

/** How artifacts of the model are opened. */
export function loadOptionsOf(
  { intraOpThreads }: LoadServableOptions,
  { executionProvider }: ModelConfig,
): HostOptions['loadOptions'] {
  return { intraOpThreads, executionProvider };
}
