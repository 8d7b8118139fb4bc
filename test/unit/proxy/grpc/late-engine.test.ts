import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { GrpcEngine, GrpcMethod } from '../../../../src/proxy/grpc/engine.ts';
import { LateEngine } from '../../../../src/proxy/grpc/late-engine.ts';

const METHOD = { path: '/a.B/C', isClientStream: false, enforcesDeadline: false } as GrpcMethod;

/** An engine that tells what it was asked. */
function engineThatTells(told: string[]): GrpcEngine {
  return {
    register: ({ path }) => void told.push(`register ${path}`),
    listen: async (address) => {
      told.push(`listen ${address}`);
      return address;
    },
    accept: () => void told.push('accept'),
    turnAway: () => void told.push('turnAway'),
    drain: async () => void told.push('drain'),
    close: async () => void told.push('close'),
  };
}

describe('LateEngine', () => {
  it('opens once, when it first listens, and passes on what was registered before', async () => {
    const told: string[] = [];
    const engine = new LateEngine(async () => {
      told.push('open');
      return engineThatTells(told);
    });
    engine.register(METHOD);
    assert.deepEqual(told, []);
    assert.deepEqual(await Promise.all([engine.listen('a'), engine.listen('b')]), ['a', 'b']);
    engine.turnAway();
    await engine.drain();
    await engine.close();
    const listened = ['open', 'register /a.B/C', 'listen a', 'listen b'];
    assert.deepEqual(told, [...listened, 'turnAway', 'drain', 'close']);
  });

  it('fails to listen when it cannot be opened, and closes all the same', async () => {
    const engine = new LateEngine(() => Promise.reject(new Error('not installed')));
    await assert.rejects(engine.listen('a'), /not installed/);
    await engine.close();
  });

  it('refuses a path that is registered twice', () => {
    const engine = new LateEngine(async () => engineThatTells([]));
    engine.register(METHOD);
    assert.throws(() => engine.register(METHOD), /registered twice/);
  });
});
