/** Injects one fault of the table into a server of its own, beside the good neighbour. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isGone } from '../../test/support/child-processes.ts';
import { processTree } from '../support/process-tree.ts';
import type { Fault, FaultResult, NeighbourResult } from './fault.ts';
import { FaultServer, NEIGHBOUR } from './fault-server.ts';
import { FaultNeighbour } from './neighbour.ts';
import { pause, until } from './waiting.ts';

/** The neighbour's time before the first fault and after the last. */
const CALM_MS = 1000;
const BETWEEN_MS = 200;
const NOBODY: NeighbourResult = { offered: 0, answered: 0, refused: 0, failed: 0, failures: {}, longestMs: 0 };

/** Never rejects. Leaves no process and no file. */
export async function runFault(fault: Fault): Promise<FaultResult> {
  const { name, injection, expectation } = fault;
  const problems: string[] = [];
  const common = { name, injection, expectation, problems };
  const skipped = fault.isImpossible?.();
  const nothing = { injected: 0, neighbour: NOBODY, recoveryMs: [], rssMibBefore: 0, rssMibAfter: 0, crashes: 0 };
  if (skipped !== undefined) return { ...common, ...nothing, skipped };
  const directory = mkdtempSync(join(tmpdir(), 'pillion-fault-'));
  try {
    const server = await FaultServer.start((await fault.server?.(directory)) ?? {});
    return { ...common, ...(await injectAll(fault, server, directory, problems)) };
  } catch (error) {
    problems.push(textOf(error));
    return { ...common, ...nothing };
  } finally {
    try {
      fault.cleanUp?.(directory);
    } catch (error) {
      problems.push(textOf(error));
    }
    rmSync(directory, { recursive: true, force: true });
  }
}

type Measured = Pick<FaultResult, 'injected' | 'neighbour' | 'recoveryMs' | 'rssMibBefore' | 'rssMibAfter' | 'crashes'>;

async function injectAll(fault: Fault, server: FaultServer, directory: string, problems: string[]): Promise<Measured> {
  const neighbour = new FaultNeighbour(server.rest, NEIGHBOUR);
  await pause(CALM_MS);
  const rssMibBefore = server.rssMib();
  const recoveryMs: number[] = [];
  neighbour.isServerEnding = fault.endsServer === true;
  let injected = 0;
  while (injected < fault.times && problems.length === 0) {
    const startedAt = performance.now();
    injected += 1;
    try {
      await fault.inject({ server, directory }, injected - 1);
      recoveryMs.push(Math.round(performance.now() - startedAt));
    } catch (error) {
      problems.push(textOf(error));
    }
    await pause(BETWEEN_MS);
  }
  if (fault.endsServer === undefined) await pause(CALM_MS);
  const rssMibAfter = server.rssMib();
  const heard = await neighbour.stop();
  const crashes = await endOf(fault, server, problems);
  judge(fault, heard, problems);
  return { injected, neighbour: heard, recoveryMs, rssMibBefore, rssMibAfter, crashes };
}

/** Ends the server, unless the fault did, and returns how often it ended otherwise. */
async function endOf(fault: Fault, server: FaultServer, problems: string[]): Promise<number> {
  const hadEnded = server.hasExited;
  const tree = processTree(server.pid);
  const ended = await server.end();
  await until('its processes are gone', () => tree.every(isGone)).catch((error) => problems.push(textOf(error)));
  const isAsExpected = ended === 0 && (fault.endsServer === true || !hadEnded);
  if (!isAsExpected) problems.push(`the server ended with ${ended}`);
  return isAsExpected ? 0 : 1;
}

function judge(fault: Fault, { offered, refused, failed, failures }: NeighbourResult, problems: string[]): void {
  if (failed > fault.allowedLoss * offered) {
    problems.push(`${failed} of the neighbour’s ${offered} requests failed: ${JSON.stringify(failures)}`);
  }
  // Every client is sent elsewhere at the server's end.
  if (fault.endsServer === undefined && refused > fault.allowedRefusals * offered) {
    problems.push(`${refused} of the neighbour’s ${offered} requests were refused`);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
