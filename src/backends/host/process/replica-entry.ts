/**
 * The main module of a replica's process (replica-run.ts). It ends when the server, which has its answer, closes the
 * socket.
 */
import { type ReplicaStart, runReplica } from '../profile/replica-run.ts';
import { yieldToEventLoop } from '../thread-priority.ts';
import { endSelf, prepareChild } from './child-life.ts';
import { FRAME, FRAME_FD, readValue, valueFrame } from './frame.ts';
import { SyncFrames } from './sync-frames.ts';

prepareChild();
yieldToEventLoop();
const frames = new SyncFrames(FRAME_FD);
const start = frames.read() ?? endSelf();
frames.write([valueFrame(FRAME.ready, start.session, await runReplica(readValue(start) as ReplicaStart))]);
