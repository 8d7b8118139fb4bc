/**
 * The thread of a replica: loads the model once more with its runtime's profiler on, runs made-up batches, tells what the
 * profiler saw, and ends.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { ServingError } from '../../core/errors.ts';
import type { ProfiledSession } from '../backend.ts';
import type { OpProfile } from '../op-profile.ts';
import { backendFor } from '../registry.ts';
import { toErrorMessage } from './error-message.ts';
import type { ReplicaMessage, ReplicaStart } from './replica-protocol.ts';
import { madeUpBatch } from './trial-runs.ts';
import { machineTimeMs } from './worker-call.ts';

/** They pay for code and memory that the later ones find. */
const WARM_UP_RUNS = 3;
const COUNTED_RUNS = 10;
/** After so long no further run is begun, once there is one that counts. */
const BUDGET_MS = 2000;

if (parentPort === null) throw new Error('replica-entry is started by profile-replica, in a worker thread');
parentPort.postMessage(await answer(workerData as ReplicaStart));

async function answer(start: ReplicaStart): Promise<ReplicaMessage> {
  try {
    return { type: 'profiled', profile: await profile(start) };
  } catch (error) {
    return { type: 'failed', error: toErrorMessage(error) };
  }
}

async function profile(start: ReplicaStart): Promise<OpProfile> {
  const backend = await backendFor(start.versionDirectory, start.backendKind);
  // A runtime that must not be in the server's own process must not come into it by a replica either.
  if (backend.loadProfiled === undefined || backend.mustRunIn === 'process') {
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
  const name = session.signatures.has(signatureName) ? signatureName : [...session.signatures.keys()][0]!;
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
