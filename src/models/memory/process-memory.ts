/** What a child process takes of memory before a model is in it, for versions that are going to run in one. */
import { askedHost, type HostKind, settledHost } from '../../backends/host/host-choice.ts';
import type { ProcessGroup, ProcessGroups } from '../../backends/host/process/process-group.ts';
import { backendFor } from '../../backends/registry.ts';
import { AUTO_RUNTIME, type ModelConfig } from '../../config/model-config.ts';

/** Measured: a process with a model of a few numbers has 58 MiB. */
const NODE_BYTES = 60 * 2 ** 20;

export interface ProcessNeed {
  /** Of one process: Node, and the runtime. */
  readonly bytes: number;
  /** Whose one process it shares; undefined = it has processes of its own, one a session. */
  readonly group: Pick<ProcessGroup, 'takesMore'> | undefined;
}

/**
 * Undefined where the version runs in the server's own process, or where that is only known when it is loaded. Rejects with
 * `load_failed` where no backend knows it, or its backend cannot run where it is asked to.
 */
export async function processNeed(
  { backend: kind, host, processGroup }: Pick<ModelConfig, 'backend' | 'host' | 'processGroup'>,
  versionDirectory: string,
  defaultHost: HostKind | 'auto',
  groups: ProcessGroups,
): Promise<ProcessNeed | undefined> {
  // Which of several it will be is not known yet: the first is as good a guess as any.
  const backend = await backendFor(versionDirectory, kind === AUTO_RUNTIME ? undefined : kind);
  if (settledHost(backend, askedHost(backend, host, defaultHost))?.kind !== 'process') return undefined;
  return {
    bytes: NODE_BYTES + (backend.runtimeBytes ?? 0),
    group: processGroup === undefined ? undefined : groups.of(processGroup),
  };
}
