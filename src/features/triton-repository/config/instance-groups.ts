/**
 * instance_group → the sessions of a model and where they run. Triton's meaning: so many copies of the model, each with
 * one run at a time, on CPU or on each GPU of `gpus`. Without `gpus` they are on the first GPU, not on each.
 */
import type { Findings, Where } from '../../../config/config-file.ts';
import { INSTANCE_KINDS, type TritonInstanceGroup } from '../../open-inference/exported/model-config.ts';

const NO_GPUS: readonly number[] = [0];

/** The most instances, as of `num_batch_threads` of a model's batching. */
const MAX_INSTANCES = 1024;

export interface Instances {
  /** Undefined = sessions are opened by demand. */
  readonly sessions: number | undefined;
  /** Undefined = the server's. */
  readonly executionProvider: string | undefined;
  /** The device of each session; undefined = the first one. */
  readonly devices: readonly number[] | undefined;
}

export function instancesOf(groups: readonly TritonInstanceGroup[], where: Where, findings: Findings): Instances {
  const [first] = groups;
  if (first === undefined) return { sessions: undefined, executionProvider: undefined, devices: undefined };
  const { errors, warnings } = findings;
  const devices: number[] = [];
  const isOnGpu = first.kind === INSTANCE_KINDS.gpu;
  let sessions = 0;
  for (const [i, { kind, count, gpus }] of groups.entries()) {
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
    const copies = Math.max(0, count) || 1;
    const on = isOnGpu && kind === first.kind && gpus.length > 0 ? gpus : NO_GPUS;
    if (on === NO_GPUS && gpus.length > 0) {
      warnings.push(`${where(`${at}.gpus`)}: instance_group.gpus has no effect: the kind is not KIND_GPU`);
    }
    if (on.some((device) => device < 0)) errors.push(`${where(`${at}.gpus`)}: a number of gpus is negative`);
    sessions += copies * on.length;
    if (sessions <= MAX_INSTANCES) for (const device of on) devices.push(...Array<number>(copies).fill(device));
  }
  if (sessions > MAX_INSTANCES) {
    errors.push(`${where('instance_group[0].count')}: ${sessions} instances are too many; at most ${MAX_INSTANCES}`);
  }
  const isOnOthers = isOnGpu && devices.some((device) => device !== 0);
  return { sessions, executionProvider: providerOf(first.kind), devices: isOnOthers ? devices : undefined };
}

function providerOf(kind: number): string | undefined {
  if (kind === INSTANCE_KINDS.gpu) return 'cuda';
  return kind === INSTANCE_KINDS.cpu ? 'cpu' : undefined;
}
