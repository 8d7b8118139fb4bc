/**
 * The work of a replica, in its thread or process: it loads the model a second time with the runtime's profiler on,
 * runs synthetic batches, and reports the profile.
 */
import { ServingError } from '../../../core/errors.ts';
import { DEFAULT_SIGNATURE_NAME } from '../../../core/signature.ts';
import type { LoadSettings, ProfiledSession } from '../../backend.ts';
import { importBackend } from '../../import-backend.ts';
import { loadOptionsOf } from '../../load-options.ts';
import type { OpProfile } from '../../op-profile.ts';
import { syntheticBatch } from '../../synthetic-batch.ts';
import { type ErrorMessage, toErrorMessage } from '../error-message.ts';
import { machineTimeMs } from '../worker-call.ts';

export interface ReplicaStart {
  readonly versionDirectory: string;
  /** The module of its backend, as importBackend takes it. */
  readonly backendModule: string;
  readonly loadOptions: LoadSettings;
  /** If undefined or unknown to the session: serving_default, else its first signature. */
  readonly signatureName: string | undefined;
  /** Rows of each run, when the signature's batch axis is dynamic. */
  readonly rows: number;
}

/** The only message that a replica sends. */
export type ReplicaMessage =
  | { readonly type: 'profiled'; readonly profile: OpProfile }
  | { readonly type: 'failed'; readonly error: ErrorMessage };

/** The first runs initialize code and memory, and are not counted. */
const WARM_UP_RUNS = 3;
const COUNTED_RUNS = 10;
/** The time after which no further run is started, once one has been counted. */
const BUDGET_MS = 2000;

/** The most bytes of a batch's inputs: the operator chooses the rows, and the replica shares the server's machine. */
const MAX_BATCH_BYTES = 2 ** 30;

/** Never rejects. */
export async function runReplica(start: ReplicaStart): Promise<ReplicaMessage> {
  try {
    return { type: 'profiled', profile: await profile(start) };
  } catch (error) {
    return { type: 'failed', error: toErrorMessage(error) };
  }
}

async function profile(start: ReplicaStart): Promise<OpProfile> {
  const backend = await importBackend(start.backendModule);
  if (backend.loadProfiled === undefined) {
    throw new ServingError('unsupported', `backend "${backend.kind}" has no profiler of its ops`);
  }
  const session = await backend.loadProfiled(start.versionDirectory, loadOptionsOf(start.loadOptions));
  try {
    return await profileRuns(session, start);
  } finally {
    await session.close();
  }
}

async function profileRuns(session: ProfiledSession, { signatureName = '', rows }: ReplicaStart): Promise<OpProfile> {
  const known = [signatureName, DEFAULT_SIGNATURE_NAME].find((each) => session.signatures.has(each));
  const name = known ?? [...session.signatures.keys()][0]!;
  const batch = syntheticBatch(name, session.signatures.get(name)!, { rows, maxBytes: MAX_BATCH_BYTES });
  if (batch === undefined) {
    const most = `${MAX_BATCH_BYTES / 2 ** 20} MiB`;
    throw new ServingError('too_large', `a batch of ${rows} rows has inputs of more than ${most}; profile fewer rows`);
  }
  const ends: number[] = [];
  const startedAt = machineTimeMs();
  while (ends.length < WARM_UP_RUNS + COUNTED_RUNS) {
    await session.run(name, batch.inputs, batch.outputs, { deadline: Infinity });
    ends.push(machineTimeMs());
    if (ends.length > WARM_UP_RUNS && machineTimeMs() - startedAt > BUDGET_MS) break;
  }
  const counted = ends.slice(WARM_UP_RUNS);
  // The runs that loading made come first.
  const runs = (await session.endProfile()).slice(-counted.length);
  return { signatureName: name, rows, runs: runs.map((run, i) => ({ ...run, startMs: counted[i]! - run.durationMs })) };
}
