/** The main module of a replica's thread (replica-run.ts). */
import { parentPort, workerData } from 'node:worker_threads';
import { type ReplicaStart, runReplica } from './replica-run.ts';

if (parentPort === null) throw new Error('replica-entry is started by profile-replica, in a worker thread');
parentPort.postMessage(await runReplica(workerData as ReplicaStart));
