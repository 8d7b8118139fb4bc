/**
 * What a replica does, in its thread or process: loads the model once more with its runtime's profiler on, runs made-up
 * batches, and tells what the profiler saw.
 */
import { ServingError } from '../../../core/errors.ts';
import { DEFAULT_SIGNATURE_NAME } from '../../../core/signature.ts';
import type { ProfiledSession } from '../../backend.ts';
import type { OpProfile } from '../../op-profile.ts';
import { backendFor } from '../../registry.ts';
import { toErrorMessage } from '../error-message.ts';
import { madeUpBatch } from '../trial-runs.ts';
import { machineTimeMs } from '../worker-call.ts';
import type { ReplicaMessage, ReplicaStart } from './replica-protocol.ts';

/** They pay for code and memory that the later ones find. */
const WARM_UP_RUNS = 3;
const COUNTED_RUNS = 10;
/** After so long no further run is begun, once there is one that counts. */
const BUDGET_MS = 2000;

/** Never rejects. */
export async function runReplica(start: ReplicaStart): Promise<ReplicaMessage> {
  try {
    return { type: 'profiled', profile: await profile(start) };
  } catch (error) {
    return { type: 'failed', error: toErrorMessage(error) };
  }
}

async function profile(start: ReplicaStart): Promise<OpProfile> {
  const backend = await backendFor(start.versionDirectory, start.backendKind);
  if (backend.loadProfiled === undefined) {
    throw new ServingError('unsupported', `backend "${backend.kind}" has no profiler of its ops`);
  }
  const session = await backend.loadProfiled(start.versionDirectory, start.loadOptions);
  try {
    return await profileRuns(session, start);
  } finally {
    await session.close();
  }
}

async function profileRuns(session: ProfiledSession, { signatureName = '', rows }: ReplicaStart): Promise<OpProfile> {
  const known = [signatureName, DEFAULT_SIGNATURE_NAME].find((each) => session.signatures.has(each));
  const name = known ?? [...session.signatures.keys()][0]!;
  const batch = madeUpBatch(name, session.signatures.get(name)!, rows);
  const ends: number[] = [];
  const startedAt = machineTimeMs();
  while (ends.length < WARM_UP_RUNS + COUNTED_RUNS) {
    await session.run(name, batch.inputs, batch.outputs, { deadline: Infinity });
    ends.push(machineTimeMs());
    if (ends.length > WARM_UP_RUNS && machineTimeMs() - startedAt > BUDGET_MS) break;
  }
  const counted = ends.slice(WARM_UP_RUNS);
  // What loading ran comes before ours.
  const runs = (await session.endProfile()).slice(-counted.length);
  return { signatureName: name, rows, runs: runs.map((run, i) => ({ ...run, startMs: counted[i]! - run.durationMs })) };
}
