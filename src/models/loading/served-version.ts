/**
 * The servables of an opened version, above one host. The first is warmed up. Another takes its place where its requests
 * may share larger runs than was thought, or while it is served, where signatures share runs otherwise than before.
 */
import type { ProcessGroup } from '../../backends/host/process/process-group.ts';
import { profileReplica } from '../../backends/host/profile/profile-replica.ts';
import type { Host } from '../../backends/host/start-host.ts';
import type { BatchAxis, Signature, Signatures } from '../../core/signature.ts';
import type { LatencySeed } from '../../scheduler/latency/latency-model.ts';
import type { Scheduler } from '../../scheduler/scheduler.ts';
import { groupOf, loadSettingsOf } from '../runtimes/open-version.ts';
import { withDeclaredSignatures } from '../serving/declared-signature-runner.ts';
import { LoadFindings, PROFILE_OPS, type ServableHost } from '../serving/load-findings.ts';
import { Servable } from '../serving/servable.ts';
import { slowRunOf } from '../warm-up/slow-run.ts';
import type { LoadServableOptions, WorkerFacts } from './load-options.ts';
import type { VersionDraft } from './load-steps.ts';
import { buildStack, StackBase, type StackSignatures } from './version-stack.ts';

interface Stacked {
  readonly servable: Servable;
  readonly scheduler: Scheduler;
}

export class ServedVersion {
  readonly #options: LoadServableOptions;
  readonly #draft: VersionDraft;
  readonly #findings: LoadFindings;
  readonly #base: StackBase;
  #signatures: StackSignatures;
  /** One change at a time. */
  #changing: Promise<void> = Promise.resolve();

  constructor(
    options: LoadServableOptions,
    draft: VersionDraft,
    views: StackSignatures['views'],
    workers: Readonly<WorkerFacts>,
  ) {
    const { model, opened, batching, facts } = draft;
    const { host, backend, choice } = opened;
    this.#options = options;
    this.#draft = draft;
    this.#signatures = { signatures: draft.signatures, views };
    this.#base = new StackBase(options, draft, opened, () => {
      for (const end of draft.onEnd) end();
    });
    const findings = new LoadFindings(facts);
    findings.leftOut = host.warnings;
    for (const warning of [...host.warnings, ...(host.cautions ?? [])]) findings.addWarning(warning);
    findings.host = servableHost(host, workers, groupOf(options, model));
    findings.runtime = { kind: backend.kind, choice };
    findings.maxBatchSize = findings.configuredRows = batching.scheduler.maxBatchSize;
    findings.breaker = this.#base.breaker;
    facts.set(PROFILE_OPS, (rows, signatureName) => this.#profileOps(rows, signatureName));
    this.#findings = findings;
  }

  /** The servable that may be served, warmed up. Rejects as a step of the load does; all is closed then. */
  async prepare(): Promise<Servable> {
    const first = await this.#stack();
    await this.#warmUp(first.servable);
    const { maxBatchSize, configuredRows } = this.#findings;
    let ready = first;
    // The sweep has shown that more rows are worth it.
    if (maxBatchSize > configuredRows) {
      ready = await this.#stack();
      // It has served nobody yet.
      await first.servable.unload();
    }
    ready.scheduler.latency.seed(this.#seeds());
    this.#base.start();
    ready.servable.onServed = () => this.#serve(ready);
    return ready.servable;
  }

  async #warmUp(servable: Servable): Promise<void> {
    const { model, version, versionDirectory, batching, opened, firstRunMs } = this.#draft;
    const { signatures } = this.#signatures;
    const slowRun = await slowRunOf(opened.host, firstRunMs, signatures);
    if (slowRun !== undefined) {
      this.#options.events.onWarning?.(model.name, version, slowRun.text);
      this.#findings.addWarning(slowRun.text);
    }
    const { executor } = opened.host;
    const onlyRun = slowRun?.seeds;
    const { scheduler } = batching;
    try {
      await this.#options.prepare?.({ model, servable, versionDirectory, executor, signatures, scheduler, onlyRun });
    } catch (error) {
      await servable.unload();
      throw error;
    }
  }

  /** Signatures that share runs otherwise than before take the place of the served ones. */
  #serve(first: Stacked): void {
    let current = first;
    const load = {
      get queuedTasks() {
        return current.servable.runner.queuedTasks;
      },
      get runningBatches() {
        return current.servable.runner.runningBatches;
      },
    };
    const replace = async (changed: Signatures): Promise<void> => {
      const next = withChanged(this.#signatures, changed);
      stopSharing(current.scheduler, this.#signatures.signatures, changed);
      const stacked = await this.#stack(next);
      const { servable, scheduler } = stacked;
      scheduler.latency.seed(this.#seeds());
      if (this.#options.replaceServable?.(current.servable, servable) !== true) return servable.unload();
      current = stacked;
      this.#signatures = next;
    };
    for (const follow of this.#draft.onServed) {
      follow(load, (changed) => (this.#changing = this.#changing.then(() => replace(changed))));
    }
  }

  async #stack(stacked = this.#signatures): Promise<Stacked> {
    const { name } = this.#draft.model;
    const { version, batching } = this.#draft;
    const { signatures, views } = stacked;
    const findings = this.#findings;
    const { maxBatchSize } = findings;
    const target = { ...this.#draft, batching: { ...batching, scheduler: { ...batching.scheduler, maxBatchSize } } };
    const onMisfit = (warning: string): void => {
      this.#options.events.onWarning?.(name, version, warning);
      findings.addWarning(warning);
    };
    const warn = (warning: string): void => findings.addWarning(warning);
    const stack = await buildStack(this.#options, target, stacked, this.#base, { onMisfit, warn });
    const all = withDeclaredSignatures(signatures, views);
    return { servable: new Servable(name, version, all, stack.runner, findings), scheduler: stack.scheduler };
  }

  /** The run times that the sweep measured, one entry for each run. */
  #seeds(): readonly LatencySeed[] {
    return this.#findings.latencySeeds.flatMap(({ signatureName, rows, length, runMs }) =>
      runMs.map((ms) => ({ signature: signatureName, rows, ...(length && { length }), runMs: ms })),
    );
  }

  #profileOps(rows: number, signatureName: string | undefined) {
    const { opened, versionDirectory } = this.#draft;
    const { backend, host } = opened;
    const loadOptions = loadSettingsOf(this.#options, this.#draft);
    const place = { isInProcess: host.kind === 'process', sandbox: this.#options.sandbox };
    return profileReplica({ backendModule: backend.module, versionDirectory, loadOptions, rows, signatureName }, place);
  }
}

/** Requests that wait share no runs either, where those that come will not. */
function stopSharing(scheduler: Scheduler, served: Signatures, changed: Signatures): void {
  for (const [name, { batchAxis, padding }] of changed) {
    const before = served.get(name);
    const isLess = batchAxis.kind === 'none' || (padding === undefined && before?.padding !== undefined);
    if (before?.batchAxis.kind !== 'none' && isLess) scheduler.stopSharing(name, batchAxis.reason ?? '');
  }
}

/** The same signatures, with the batch axes and the padding of those that have changed. */
function withChanged({ signatures, views }: StackSignatures, changed: Signatures): StackSignatures {
  const axisOf = (name: string, { batchAxis }: Signature): BatchAxis => changed.get(name)?.batchAxis ?? batchAxis;
  return {
    signatures: new Map(
      [...signatures].map(([name, signature]) => {
        const { padding } = changed.get(name) ?? signature;
        return [name, { ...signature, batchAxis: axisOf(name, signature), padding }];
      }),
    ),
    views:
      views &&
      new Map(
        [...views].map(([name, view]) => {
          const batchAxis = axisOf(view.graphName, view.signature);
          return [name, { ...view, signature: { ...view.signature, batchAxis } }];
        }),
      ),
  };
}

function servableHost(
  { kind, reason, residentBytes, sandbox, executor }: Host,
  workers: Readonly<WorkerFacts>,
  processGroup: ProcessGroup | undefined,
): ServableHost {
  return {
    kind,
    reason,
    processGroup,
    callsAtOnce: executor.isElsewhere === true ? executor.slots : undefined,
    get sessions() {
      if (executor.isInline === true) return undefined;
      return executor.plans ?? [{ sessions: executor.slots, threads: executor.threads ?? 1 }];
    },
    get restarts() {
      return workers.restarts;
    },
    get growthRefusal() {
      return workers.growthRefusal;
    },
    get residentBytes() {
      return residentBytes?.();
    },
    get sandbox() {
      return sandbox?.();
    },
  };
}
