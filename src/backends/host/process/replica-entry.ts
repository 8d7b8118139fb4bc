/** The main module of a replica's process (replica-run.ts): it is told what to load, answers, and ends with the server's hand. */
import type { ReplicaStart } from '../profile/replica-protocol.ts';
import { runReplica } from '../profile/replica-run.ts';
import { yieldToEventLoop } from '../thread-priority.ts';
import { endSelf, prepareChild } from './child-life.ts';
import { FRAME, FRAME_FD, readValue, valueFrame } from './frame.ts';
import { SyncFrames } from './sync-frames.ts';

prepareChild();
yieldToEventLoop();
const frames = new SyncFrames(FRAME_FD);
const start = frames.read() ?? endSelf();
frames.write([valueFrame(FRAME.ready, start.session, await runReplica(readValue(start) as ReplicaStart))]);
