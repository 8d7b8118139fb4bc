/** More connections than a server can have: new clients get in, busy ones stay, health answers. */

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { afterEach, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { readDescriptorLimit } from '../../src/config/machine/descriptors.ts';
import { type Attack, type Counts, targetOf } from '../attacks/net/attack.ts';
import { idleHttp1 } from '../attacks/net/idle-http1.ts';
import { idleHttp2 } from '../attacks/net/idle-http2.ts';
import { ENGINE_NAMES, engineFlags } from '../support/engine-names.ts';
import { grpcHealth, HEALTHY, httpStatus, probe } from '../support/probes.ts';
import { frame, openCall, openSession } from '../support/raw-grpc.ts';
import { RawConnection } from '../support/rest-harness.ts';
import { DIGITS, killSidecars, type Sidecar, startSidecar, withDescriptors } from '../support/sidecar.ts';
import { MetricsPage } from '../support/surface-sidecar.ts';

afterEach(killSidecars);

/** As many as this process can have, for there is another end of each. */
const CROWD = Math.min(10_000, readDescriptorLimit() - 500);

interface Running {
  /** Ends the attack. */
  stop(): Promise<Counts>;
}

function start(attack: Attack, address: string): Running {
  const abort = new AbortController();
  const counts = attack(targetOf(address), 300, abort.signal);
  return {
    stop: () => {
      abort.abort();
      return counts;
    },
  };
}

/** Calls `check` until the server has had `count` connections of the surface. */
async function whileOpening(
  sidecar: Sidecar,
  surface: string,
  count: number,
  check: () => Promise<void>,
): Promise<void> {
  for (let had = 0; had < count; ) {
    await check();
    const page = new MetricsPage(await (await fetch(`${sidecar.admin}/metrics`)).text());
    had = page.value('pillion_connections', { surface }) + page.value('pillion_connection_ends_total', { surface });
    assert.equal(page.value('pillion_connection_ends_total', { surface, reason: 'refused' }), 0);
  }
}

/**
 * Whether an orchestrator takes it for well: it asks anew where a probe fails, and gives up at the third time
 * (failureThreshold). One probe may fail: its connection is among 190 that open at once, of which 13 have a place on admin,
 * and until its bytes come it looks as idle as they.
 */
async function assertTakenForWell(sidecar: Sidecar): Promise<void> {
  for (let failed = 0; failed < 2; failed++) if (isDeepStrictEqual(await probe(sidecar), HEALTHY)) return;
  assert.deepEqual(await probe(sidecar), HEALTHY);
}

/** Resolves when the server has ended connections for want of room, or refused some. */
async function untilCrowded(sidecar: Sidecar, surface: string): Promise<void> {
  await sidecar.line((line) => line.event === 'crowded' && line['surface'] === surface);
}

describe('with more idle connections than there may be', () => {
  for (const engine of ENGINE_NAMES) {
    it(`a gRPC client gets in, and a stream that is open stays (${engine})`, async () => {
      const sidecar = await startSidecar([...DIGITS, ...engineFlags(engine), `--max_connections=${CROWD - 100}`]);
      const session = openSession(sidecar.grpc);
      const watch = openCall(session, '/grpc.health.v1.Health/Watch');
      let isOpen = true;
      watch.on('close', () => {
        isOpen = false;
      });
      watch.end(frame(Buffer.alloc(0)));
      await once(watch, 'data');
      const attack = start(idleHttp2(CROWD), sidecar.grpc);
      const check = async (): Promise<void> => assert.equal(await grpcHealth(sidecar.grpc), '0801');
      await whileOpening(sidecar, 'grpc', CROWD, check);
      await untilCrowded(sidecar, 'grpc');
      for (let i = 0; i < 20; i++) await check();
      await attack.stop();
      assert.equal(isOpen, true);
      session.destroy();
    });
  }

  it('a REST client gets in, and a request that has begun is read to its end', async () => {
    const sidecar = await startSidecar([...DIGITS, `--max_connections=${CROWD - 100}`]);
    const slow = new RawConnection(sidecar.rest.slice('http://'.length));
    await slow.opened();
    slow.send('GET /v1/models/digits HTTP/1.1\r\nhost: te');
    const attack = start(idleHttp1(CROWD), sidecar.rest);
    const check = async (): Promise<void> => assert.equal(await httpStatus(`${sidecar.rest}/v1/models/digits`), 200);
    await whileOpening(sidecar, 'rest', CROWD, check);
    await untilCrowded(sidecar, 'rest');
    for (let i = 0; i < 20; i++) await check();
    await attack.stop();
    slow.send('st\r\n\r\n');
    assert.equal((await slow.answer()).status, 200);
    slow.destroy();
  });
});

describe('with 256 descriptors and 1,000 connections', () => {
  it('health answers on every surface throughout', async () => {
    const sidecar = await startSidecar(DIGITS, {}, withDescriptors(256));
    const attacks = [
      start(idleHttp2(400), sidecar.grpc),
      start(idleHttp1(400), sidecar.rest),
      start(idleHttp1(200), sidecar.admin),
    ];
    for (const surface of ['grpc', 'rest', 'admin']) await untilCrowded(sidecar, surface);
    for (let i = 0; i < 20; i++) await assertTakenForWell(sidecar);
    for (const attack of attacks) await attack.stop();
    assert.deepEqual(await probe(sidecar), HEALTHY);
    assert.equal(await sidecar.stop(), 0);
    assert.doesNotMatch(sidecar.output(), /EMFILE/);
  });
});

describe('--idle_connection_timeout_s', () => {
  it('ends idle connections on every surface, and no stream', async () => {
    const sidecar = await startSidecar([...DIGITS, '--idle_connection_timeout_s=1']);
    const session = openSession(sidecar.grpc);
    const watch = openCall(session, '/grpc.health.v1.Health/Watch');
    watch.end(frame(Buffer.alloc(0)));
    await once(watch, 'data');
    const idle = openSession(sidecar.grpc);
    const goAway = once(idle, 'goaway');
    const connections = await Promise.all(
      [sidecar.rest, sidecar.admin].map(async (url) => {
        const connection = new RawConnection(url.slice('http://'.length));
        // It is sent as soon as the connection is there, which is idle until then.
        connection.get(url === sidecar.rest ? '/v1/models/digits' : '/live');
        assert.equal((await connection.answer()).status, 200);
        return connection;
      }),
    );
    const [code] = await goAway;
    assert.equal(code, 0);
    for (const connection of connections) await connection.ended();
    assert.equal(watch.closed, false);
    session.destroy();
  });
});
