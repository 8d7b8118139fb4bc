/**
 * The second thread of a child process. It runs while the first thread is in native code, however long that takes. It
 * sends heartbeats (heartbeat.ts), and kills the process when the server is gone: nothing is left to save then.
 */
import { Socket } from 'node:net';
import process from 'node:process';
import { workerData } from 'node:worker_threads';
import { residentBytes } from '../../../config/machine/resident-memory.ts';
import { systemClock } from '../../../core/clock.ts';
import { HEARTBEAT_FD } from './frame.ts';
import { HEARTBEAT_MS, heartbeatBytes, RunTimer } from './heartbeat.ts';

const timer = new RunTimer(workerData as SharedArrayBuffer);
const server = new Socket({ fd: HEARTBEAT_FD, readable: true, writable: true });
server.on('error', () => undefined);
server.on('close', () => process.kill(process.pid, 'SIGKILL'));
server.resume();
beat();

function beat(): void {
  server.write(heartbeatBytes({ residentBytes: residentBytes() ?? 0, runMs: timer.runMs }));
  systemClock.setTimer(systemClock.nowMs() + HEARTBEAT_MS, beat);
}
