/** One run on a worker's side: the session gets its deadline in its own clock, the answer says when it ran. */
import { systemClock } from '../../core/clock.ts';
import type { RunOptions, Session } from '../backend.ts';
import { type Answer, type Call, machineTimeMs } from './worker-call.ts';

/** Throws what the session rejects with. */
export async function runCall(session: Session, call: Call): Promise<Answer> {
  if (session.runSync !== undefined) return runCallSync(session, call);
  const runStart = machineTimeMs();
  const outputs = await session.run(call.signatureName, call.inputs, call.outputs, optionsOf(call, runStart));
  return { outputs, runStart, runEnd: machineTimeMs() };
}

/** The same, done when it returns. Of a session that has runSync. */
export function runCallSync(session: Session, call: Call): Answer {
  const runStart = machineTimeMs();
  const outputs = session.runSync!(call.signatureName, call.inputs, call.outputs, optionsOf(call, runStart));
  return { outputs, runStart, runEnd: machineTimeMs() };
}

function optionsOf({ deadline, traceparent }: Call, now: number): RunOptions {
  return { deadline: deadline - now + systemClock.nowMs(), traceparent };
}
