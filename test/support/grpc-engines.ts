/**
 * The gRPC engines, and a `test` that runs each case once on each: what a caller sees must not depend on the engine.
 * The engine of the case that runs is ambient, so that a case names it only where the two may differ.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { type TestContext, test } from 'node:test';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { Callers } from '../../src/proxy/caller.ts';
import type { GrpcEngine } from '../../src/proxy/grpc/engine.ts';
import { PillionEngine } from '../../src/proxy/grpc/pillion-engine.ts';
import type { MemoryBudget } from '../../src/proxy/memory-budget.ts';
import type { ListenerAccess } from '../../src/proxy/net/listen.ts';
import type { ListenTls } from '../../src/proxy/net/tls-server.ts';
import { hasFeature } from './has-feature.ts';
import { installed } from './listed-features.ts';

export interface EngineInit {
  readonly maxReceiveBytes: number;
  /** grpc-js compresses no answers, and bounds none. */
  readonly compressFromBytes?: number;
  readonly maxSendBytes?: number;
  readonly tls?: ListenTls;
  /** Default: the system's. */
  readonly clock?: Clock;
  readonly memory?: MemoryBudget;
  readonly callers?: Callers;
  readonly listenerAccess?: ListenerAccess;
  readonly bodyTimeoutS?: number;
  readonly onInternalError: (error: unknown) => void;
}

export interface EngineUnderTest {
  readonly name: 'pillion' | 'grpc-js';
  create(init: EngineInit): GrpcEngine;
}

export const PILLION: EngineUnderTest = {
  name: 'pillion',
  create: (init) => new PillionEngine({ clock: systemClock, ...init }),
};

const makeGrpcJs = hasFeature('grpc-js')
  ? (await installed(['grpc-js'], ['--http2_engine=grpc-js'])).engine
  : undefined;

/** Undefined if the feature is not listed. */
export const GRPC_JS: EngineUnderTest | undefined = makeGrpcJs && {
  name: 'grpc-js',
  create: (init) => makeGrpcJs({ clock: systemClock, ...init }),
};

export const ENGINES: readonly EngineUnderTest[] = GRPC_JS === undefined ? [PILLION] : [PILLION, GRPC_JS];

const current = new AsyncLocalStorage<EngineUnderTest>();

/** The engine of the case that runs. */
export function currentEngine(): EngineUnderTest {
  const engine = current.getStore();
  if (engine === undefined) throw new Error('no engine: register the case with eachEngine');
  return engine;
}

/** Runs `body` with this engine as the current one. */
export function onEngine<T>(engine: EngineUnderTest, body: () => T): T {
  return current.run(engine, body);
}

export function eachEngine(name: string, body: (t: TestContext) => Promise<void>): void {
  for (const engine of ENGINES) {
    test(`${name} (${engine.name})`, (t) => current.run(engine, () => body(t)));
  }
}

/** A case that grpc-js is known to fail: the reason stands beside it. */
export function pillionOnly(name: string, body: (t: TestContext) => Promise<void>): void {
  test(`${name} (${PILLION.name})`, (t) => current.run(PILLION, () => body(t)));
}
