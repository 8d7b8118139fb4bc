/**
 * The second thread of a child process, which lives while the first is in native code for however long: it sends pulses
 * (pulse.ts), and ends the process at once when the server is gone. The server may have been killed, so there is nobody to
 * tell and nothing to save.
 */
import { Socket } from 'node:net';
import process from 'node:process';
import { workerData } from 'node:worker_threads';
import { systemClock } from '../../../core/clock.ts';
import { PULSE_FD } from './frame.ts';
import { PULSE_MS, pulseBytes } from './pulse.ts';
import { RunWatch } from './run-watch.ts';

const runs = new RunWatch(workerData as SharedArrayBuffer);
const server = new Socket({ fd: PULSE_FD, readable: true, writable: true });
server.on('error', () => undefined);
server.on('close', () => process.kill(process.pid, 'SIGKILL'));
server.resume();
beat();

function beat(): void {
  server.write(pulseBytes({ residentBytes: process.memoryUsage.rss(), runMs: runs.runMs }));
  systemClock.setTimer(systemClock.nowMs() + PULSE_MS, beat);
}
