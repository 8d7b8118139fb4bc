/** The thread of a replica (replica-run.ts). */
import { parentPort, workerData } from 'node:worker_threads';
import type { ReplicaStart } from './replica-protocol.ts';
import { runReplica } from './replica-run.ts';

if (parentPort === null) throw new Error('replica-entry is started by profile-replica, in a worker thread');
parentPort.postMessage(await runReplica(workerData as ReplicaStart));
