/** A replica in a process of its own: for a runtime, or a model, that must not come into the server's. */
import type { Socket } from 'node:net';
import type { ReplicaMessage, ReplicaStart } from '../profile/replica-protocol.ts';
import { FRAME, FRAME_FD, readValue, valueFrame } from './frame.ts';
import { startChild } from './start-child.ts';
import { StreamFrames } from './stream-frames.ts';

/** Undefined: it died, for that reason. Rejects with `load_failed` where the system starts no process. */
export async function profileInProcess(
  start: ReplicaStart,
): Promise<{ readonly message: ReplicaMessage | undefined; readonly reason: string }> {
  const child = startChild('./replica-entry', 'replica', start.loadOptions);
  let message: ReplicaMessage | undefined;
  let reason = 'it did not start';
  // It ends when it finds our ends closed.
  const end = (): void => {
    for (const stream of child.stdio) stream?.destroy();
  };
  const frames = new StreamFrames(child.stdio[FRAME_FD] as Socket, {
    onFrame: (frame) => {
      message = readValue(frame) as ReplicaMessage;
      end();
    },
    onBroken: end,
  });
  for (const stream of child.stdio) {
    stream?.on('error', () => undefined);
    if (stream !== child.stdio[FRAME_FD]) (stream as Socket | null)?.resume();
  }
  child.on('error', (error) => {
    reason = error.message;
  });
  frames.write([valueFrame(FRAME.start, 1, start)]);
  await new Promise<void>((resolve) => {
    child.on('exit', (code, signal) => {
      reason = signal === null ? `exit code ${code}` : `signal ${signal}`;
    });
    child.on('close', () => resolve());
  });
  return { message, reason };
}
