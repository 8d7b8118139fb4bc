/** The memory of a child process without a model, for versions that will run in one. */
import type { BackendFacts } from '../../backends/backend.ts';
import { fixedHost, type HostKind, hostNeeds, requestedHost } from '../../backends/host/host-choice.ts';
import type { ProcessGroup, ProcessGroups } from '../../backends/host/process/process-group.ts';
import type { ModelConfig } from '../../config/model-config.ts';

/** The memory of a Node process with a tiny model, rounded up (docs/adr/0016-one-process-a-slot.md). */
const NODE_BYTES = 60 * 2 ** 20;

export interface ProcessNeed {
  /** The size of one process: Node and the runtime. */
  readonly bytes: number;
  /** The group whose process it shares; undefined = it has its own processes, one for each session. */
  readonly group: Pick<ProcessGroup, 'takesMore'> | undefined;
}

/**
 * Undefined if the version runs in the server's own process, or if its host is not known before it is loaded. Throws
 * `load_failed` if its backend cannot run in the configured host.
 */
export function processNeed(
  backend: BackendFacts,
  { host, processGroup, executionProvider }: Pick<ModelConfig, 'host' | 'processGroup' | 'executionProvider'>,
  defaultHost: HostKind | 'auto',
  groups: ProcessGroups,
  sandboxRequiredBy?: string,
): ProcessNeed | undefined {
  const needs = hostNeeds(backend, executionProvider);
  if (fixedHost(needs, requestedHost(needs, host, defaultHost), sandboxRequiredBy)?.kind !== 'process')
    return undefined;
  return {
    bytes: NODE_BYTES + (backend.runtimeBytes ?? 0),
    group: processGroup === undefined ? undefined : groups.of(processGroup),
  };
}
