/**
 * instance_group → the sessions of a model and where they run. Triton's meaning: so many copies of the model, each with
 * one run at a time, on CPU or on each GPU.
 */
import type { Findings, Where } from '../config-file.ts';
import { INSTANCE_KINDS, type TritonInstanceGroup } from './config-message.ts';

/** As `num_batch_threads` of a model's batching. */
const MAX_INSTANCES = 1024;

export interface Instances {
  /** Undefined = sessions are opened by demand. */
  readonly sessions: number | undefined;
  /** Undefined = the server's. */
  readonly executionProvider: string | undefined;
}

export function instancesOf(groups: readonly TritonInstanceGroup[], where: Where, findings: Findings): Instances {
  const [first] = groups;
  if (first === undefined) return { sessions: undefined, executionProvider: undefined };
  const { errors, warnings } = findings;
  let sessions = 0;
  for (const [i, { kind, count }] of groups.entries()) {
    const at = `instance_group[${i}]`;
    if (count < 0) errors.push(`${where(`${at}.count`)}: count ${count} of instance_group is negative`);
    if (kind === INSTANCE_KINDS.model) {
      warnings.push(`${where(`${at}.kind`)}: KIND_MODEL has no effect: the server says where a model runs`);
    }
    if (kind !== first.kind) {
      const text = 'instance_group has several kinds; all instances are of the first one’s';
      warnings.push(`${where(`${at}.kind`)}: ${text}`);
    }
    // Triton's default of a group.
    sessions += Math.max(0, count) || 1;
  }
  if (sessions > MAX_INSTANCES) {
    errors.push(`${where('instance_group[0].count')}: ${sessions} instances are too many; at most ${MAX_INSTANCES}`);
  }
  return { sessions, executionProvider: providerOf(first.kind) };
}

function providerOf(kind: number): string | undefined {
  if (kind === INSTANCE_KINDS.gpu) return 'cuda';
  return kind === INSTANCE_KINDS.cpu ? 'cpu' : undefined;
}
