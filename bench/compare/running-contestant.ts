/**
 * A contestant that is up for one model, paused until it is measured. Ownership: stop() ends its processes and removes
 * its working directory.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../support/free-port.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import { askOnce } from './ask.ts';
import type { BatchCounts } from './batch-size.ts';
import type { Contestant, Ports } from './contestants.ts';
import type { BenchModel } from './models.ts';
import type { Protocol, Surface } from './protocols/protocol.ts';

const START_MS = 60_000;
const POLL_MS = 10;

/** One surface of a contestant that answered right. */
export interface Target {
  readonly contestant: string;
  readonly protocol: Protocol;
  readonly origin: string;
  readonly server: ServerProcess;
  /** Bytes of the answer; over gRPC those of the message without its frame. */
  readonly answerBytes: number;
  /** The server's own counts of its batches, if it has some. */
  readonly batchCounts: (() => Promise<BatchCounts>) | undefined;
}

export interface RunningContestant {
  readonly targets: readonly Target[];
  /** Seconds from the process's start to the first right answer. */
  readonly startSeconds: number;
  stop(): Promise<void>;
}

/** Rejects with the server's last lines if it does not come up or answers wrong; nothing is left running then. */
export async function startContestant(
  contestant: Contestant,
  model: BenchModel,
  surfaces: readonly Surface[],
): Promise<RunningContestant> {
  const work = mkdtempSync(join(tmpdir(), 'pillion-compare-'));
  const chosen = { http: await freePort(), grpc: await freePort() };
  const startedAt = performance.now();
  let server: ServerProcess | undefined;
  const stop = async (): Promise<void> => {
    await server?.stop();
    rmSync(work, { recursive: true, force: true });
  };
  try {
    server = await startServer(contestant.command(model, chosen, work));
    const ports = contestant.portsOf?.(server.ready) ?? chosen;
    const protocols = contestant.protocols.filter(({ surface }) => surfaces.includes(surface));
    await firstAnswer(server, protocols[0]!, originOf(protocols[0]!, ports), model, startedAt);
    const startSeconds = (performance.now() - startedAt) / 1000;
    const { batchCounts: counts } = contestant;
    const batchCounts = counts && (() => counts(`http://127.0.0.1:${ports.http}`));
    const targets: Target[] = [];
    for (const protocol of protocols) {
      const origin = originOf(protocol, ports);
      const answer = await askOnce(protocol, origin, model);
      const { name } = contestant;
      targets.push({ contestant: name, protocol, origin, server, answerBytes: answer.length, batchCounts });
    }
    server.pause();
    return { targets, startSeconds, stop };
  } catch (error) {
    const output = server?.output() ?? '';
    await stop();
    throw new Error(`${(error as Error).message}${output === '' ? '' : `\n${output}`}`, { cause: error });
  }
}

const originOf = ({ surface }: Protocol, ports: Ports): string =>
  `http://127.0.0.1:${surface === 'gRPC' ? ports.grpc : ports.http}`;

/** Asks until the answer is right. */
async function firstAnswer(
  server: ServerProcess,
  protocol: Protocol,
  origin: string,
  model: BenchModel,
  startedAt: number,
): Promise<void> {
  for (;;) {
    try {
      await askOnce(protocol, origin, model);
      return;
    } catch (error) {
      const ending = server.ending();
      if (ending !== undefined) throw new Error(`it ended ${ending} before it answered`, { cause: error });
      if (performance.now() - startedAt > START_MS) throw error;
    }
    await delay(POLL_MS);
  }
}
