/**
 * Opens a version directory in a host: with the backend that the model names, the first one that knows the files, or
 * the fastest one if the model says `auto`.
 */
import type { FoundBackend } from '../../backends/backends.ts';
import { inlineLimitsFor } from '../../backends/host/host-choice.ts';
import type { HostedSession } from '../../backends/host/hosted-session.ts';
import type { ProcessGroup } from '../../backends/host/process/process-group.ts';
import { startProcessHost } from '../../backends/host/process/process-host.ts';
import { type Host, type HostOptions, startHost } from '../../backends/host/start-host.ts';
import { AUTO_RUNTIME, type ModelConfig } from '../../config/model-config.ts';
import { ServingError } from '../../core/errors.ts';
import type { LoadServableOptions } from '../loading/load-options.ts';
import { modelSessions } from '../loading/model-batching.ts';
import type { OpenedVersion, VersionTarget } from '../loading/version-target.ts';

const NO_CHOICE = `its runtime is ${AUTO_RUNTIME}, which needs the feature auto-runtime, and this server is without it; name the runtime`;

/** Rejects with `load_failed`; nothing is left running then. */
export async function openVersion(
  options: LoadServableOptions,
  target: VersionTarget,
  onWorkerEvent: NonNullable<HostOptions['onWorkerEvent']>,
): Promise<OpenedVersion> {
  const { batching, versionDirectory } = target;
  const { name, backend: named } = target.model;
  const { backends, chooseRuntime, isServing } = options;
  const kinds = named === AUTO_RUNTIME ? await backends.artifactKinds(versionDirectory) : [];
  const find = (kind?: string): Promise<FoundBackend> => backends.find(versionDirectory, kind);
  const start = (backend: FoundBackend): Promise<Host> => startModelHost(options, target, { backend, onWorkerEvent });
  if (kinds.length === 0) {
    // The directory of an `auto` model holds another server's model or nothing: `find` has the error's text.
    const backend = await find(named);
    const host = await start(backend);
    return { host, signatures: host.signatures, backend, choice: undefined };
  }
  if (chooseRuntime === undefined) throw new ServingError('load_failed', `model "${name}": ${NO_CHOICE}`);
  const { host, executor, signatures, choice } = await chooseRuntime(name, target.version, {
    kinds,
    start: async (kind) => start(await find(kind)),
    scheduler: batching.isBatchingEnabled ? batching.scheduler : { maxBatchSize: 1, allowedBatchSizes: [] },
    isGentle: isServing?.() ?? false,
  });
  return { host: { ...host, executor }, signatures, backend: await find(choice.runtime), choice };
}

/** Starts a host of one backend with the model's and the server's options. */
async function startModelHost(
  options: LoadServableOptions,
  target: VersionTarget,
  of: Pick<HostOptions, 'backend' | 'onWorkerEvent'>,
): Promise<Host> {
  const { model, version, versionDirectory, batching, signal } = target;
  const { name } = model;
  const { clock, events } = options;
  const { isBatchingEnabled, scheduler } = batching;
  const loadOptions = loadSettingsOf(options, target);
  const { facts } = of.backend;
  const { count: slots, areElastic } = modelSessions(facts, batching, model);
  // Threads of the CPU do not shorten the runs of another device.
  const arePlanned =
    facts.hasSessionThreads === true && options.intraOpThreads === 0 && loadOptions.executionProvider === 'cpu';
  const elastic: HostOptions['elastic'] = {
    budget: options.budget,
    arePlanned,
    reserveSession: async () => (await options.reserveSession?.(model, version, versionDirectory)) ?? noRelease,
    onPlan: (event) => events.onPlan?.(name, version, event),
  };
  return startHost({
    model: name,
    versionDirectory,
    loadOptions,
    ...of,
    slots,
    elastic: areElastic ? elastic : undefined,
    clock,
    host: model.host,
    defaultHost: options.host,
    limits: inlineLimitsFor(options.budget.cores),
    maxBatchSize: isBatchingEnabled ? scheduler.maxBatchSize : 1,
    reasonToTry: (kind, bounds) => target.firstLoad.reasonToTry(kind, bounds),
    onMove: (move) => events.onMove(name, version, move),
    onNotes: (notes) => events.onNotes?.(name, version, notes),
    signal,
    onOutput: (line, traceparent) => events.onOutput?.(name, version, line, traceparent),
    processGroup: groupOf(options, model),
    sandbox: options.sandbox,
    priority: options.runPriority,
    ceilingBytes: options.processCeilingBytes ?? Infinity,
  });
}

/**
 * Starts a second host of the version: one slot at low priority, in a process if the model must run in one, else in a
 * thread. `what` it is for is a part of its name.
 */
export async function startBackgroundHost(
  options: LoadServableOptions,
  target: VersionTarget,
  what: string,
  runtime: string,
  onWorkerEvent: NonNullable<HostOptions['onWorkerEvent']>,
): Promise<Host> {
  const { model, version, versionDirectory, batching } = target;
  const { sandbox } = options;
  const isConfined = (model.host ?? options.host) === 'process' || sandbox?.requiredBy !== undefined;
  return startHost({
    model: `${model.name} (${what})`,
    versionDirectory,
    // The parameters are those of the version's own runtime.
    loadOptions: { ...loadSettingsOf(options, target), parameters: undefined },
    backend: await options.backends.find(versionDirectory, runtime),
    onWorkerEvent,
    slots: 1,
    priority: { ...options.runPriority, isBackground: true },
    sandbox,
    clock: options.clock,
    defaultHost: isConfined ? 'process' : 'thread',
    maxBatchSize: batching.scheduler.maxBatchSize,
    reasonToTry: (kind, bounds) => target.firstLoad.reasonToTry(kind, bounds),
    onOutput: (line, traceparent) => options.events.onOutput?.(model.name, version, line, traceparent),
    ceilingBytes: options.processCeilingBytes ?? Infinity,
  });
}

/**
 * Starts a second process of the version, for runs that may end it (serving/crash-quarantine.ts): one slot at the
 * lowest priority. Rejects with `insufficient_memory` where there is no room for it.
 */
export async function startQuarantineHost(
  options: LoadServableOptions,
  target: VersionTarget,
  { module: backendModule }: FoundBackend,
  signal: AbortSignal,
): Promise<HostedSession> {
  const { model, version, versionDirectory } = target;
  const { events } = options;
  const release = (await options.reserveSession?.(model, version, versionDirectory)) ?? noRelease;
  try {
    return await startProcessHost({
      model: model.name,
      versionDirectory,
      backendModule,
      loadOptions: loadSettingsOf(options, target),
      slots: 1,
      priority: { ...options.runPriority, isBackground: true },
      endsAbandonedRuns: true,
      clock: options.clock,
      sandbox: options.sandbox,
      signal,
      ceilingBytes: options.processCeilingBytes ?? Infinity,
      onOutput: (line, traceparent) => events.onOutput?.(model.name, version, line, traceparent),
      onWorkerEvent: (event) => {
        // It is replaced when the next request needs it.
        if (event.what === 'lost') events.onWorkerEvent(model.name, version, { ...event, isQuarantine: true });
      },
    });
  } finally {
    release();
  }
}

/** The group of models whose process the model shares; undefined = none. */
export function groupOf(
  { processGroups }: LoadServableOptions,
  { processGroup }: ModelConfig,
): ProcessGroup | undefined {
  return processGroup === undefined ? undefined : processGroups.of(processGroup);
}

/** The settings to open an artifact of the version with. */
export function loadSettingsOf(
  { intraOpThreads, fileRoots, maxTensorBytes: maxMessageBytes }: LoadServableOptions,
  { model: { name: model, executionProvider, devices, parameters }, version }: Pick<VersionTarget, 'model' | 'version'>,
): HostOptions['loadOptions'] {
  // A session whose runs have several threads is opened when the model is busy.
  return {
    intraOpThreads: intraOpThreads || 1,
    executionProvider,
    devices,
    parameters,
    model,
    version,
    maxMessageBytes,
    fileRoots,
  };
}

function noRelease(): void {
  // Nothing was reserved.
}
