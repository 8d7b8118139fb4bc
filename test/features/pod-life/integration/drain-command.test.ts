/** `pillion drain` under load: clients go elsewhere, or stay and are answered; none loses a request. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { afterEach, describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { hasFeature } from '../../../support/has-feature.ts';
import { openCall, openSession } from '../../../support/raw-grpc.ts';
import { RestartClients, type RestartTarget, Tally } from '../../../support/restart-clients.ts';
import { RESTART_REQUESTS } from '../../../support/restarts.ts';
import {
  DIGITS,
  killSidecars,
  type PillionProcess,
  runPillion,
  type Sidecar,
  startSidecar,
} from '../../../support/sidecar.ts';
import { writeSurfaceModels } from '../../../support/surface-models.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

afterEach(killSidecars);

/** Of one client; each target has four. */
const PERIOD_MS = 40;
const DELAY_MS = 3000;

function drain(sidecar: Sidecar, ...args: readonly string[]): PillionProcess {
  return runPillion(['drain', `--admin=${sidecar.admin.slice('http://'.length)}`, ...args]);
}

async function isReady({ admin }: Sidecar): Promise<boolean> {
  return (await fetch(`${admin}/ready`)).ok;
}

/** The address of a service: that of the sidecar which `now` gives. */
function targetsOf(now: () => Sidecar): readonly RestartTarget[] {
  return [
    {
      ...{ name: 'REST', protocol: 'rest' },
      get address() {
        return now().rest.slice('http://'.length);
      },
    },
    {
      ...{ name: 'gRPC', protocol: 'grpc' },
      get address() {
        return now().grpc;
      },
    },
  ];
}

function load(now: () => Sidecar): readonly RestartClients[] {
  return targetsOf(now).map((target) => new RestartClients(target, RESTART_REQUESTS[target.protocol], 4, PERIOD_MS));
}

async function answeredMore(clients: readonly RestartClients[], count: number): Promise<void> {
  const wanted = clients.map(({ tally }) => tally.answered + count);
  while (clients.some(({ tally }, i) => tally.answered < wanted[i]!)) await delay(10);
}

/**
 * No request is lost, wrong or refused, and nobody met a closed port. This process may be held up, and its clients with it,
 * for as long as the server keeps idle connections: that their end crosses with a request is no fault of the server's.
 */
async function assertNoneLost(t: TestContext, clients: readonly RestartClients[]): Promise<void> {
  await Promise.all(clients.map((each) => each.stop()));
  for (const { target, tally } of clients) {
    t.diagnostic(`${target.name}: ${JSON.stringify(tally)}`);
    const { answered, again, connections, afterIdle: _, ...bad } = tally;
    const { answered: __, again: ___, connections: ____, afterIdle: _____, ...none } = new Tally();
    assert.deepEqual({ ...bad }, { ...none });
    assert.ok(answered > 0 && connections > 0 && again < answered);
  }
}

describe('pillion drain', () => {
  it('waits until clients have gone to another sidecar; SIGTERM then ends this one without another delay', async (t) => {
    const models = writeSurfaceModels(tempDirectory(t), ['float']);
    const [first, second] = await Promise.all([
      startSidecar([...models, `--drain_delay_ms=${DELAY_MS}`]),
      startSidecar(models),
    ]);
    let now = first;
    const clients = load(() => now);
    await answeredMore(clients, 50);
    const hook = drain(first);
    while (await isReady(first)) await delay(10);
    // During the delay clients come as before.
    await answeredMore(clients, 20);
    now = second;
    assert.equal(await hook.exited, 0, hook.output());
    await answeredMore(clients, 20);
    assert.equal(await first.stop(), 0);
    assert.ok(endingMs(first) < DELAY_MS, first.output());
    await assertNoneLost(t, clients);
    assert.equal(await second.stop(), 0);
  });

  it('leaves the ports open for the application, and says how many clients are left', async (t) => {
    const sidecar = await startSidecar(writeSurfaceModels(tempDirectory(t), ['float']));
    const clients = load(() => sidecar);
    await answeredMore(clients, 20);
    // The others may all be between two connections for a moment.
    const session = openSession(sidecar.grpc);
    const stream = openCall(session, '/inference.GRPCInferenceService/ModelStreamInfer');
    const hook = drain(sidecar, '--timeout=2');
    assert.equal(await hook.exited, 1);
    stream.end();
    session.close();
    assert.match(hook.output(), /after 2 s clients are left: \d+ connections, \d+ requests in flight/);
    assert.equal(await isReady(sidecar), false);
    await answeredMore(clients, 50);
    await assertNoneLost(t, clients);
    assert.equal(await drain(sidecar).exited, 0);
    assert.equal(await sidecar.stop(), 0);
  });

  it('asks on a Unix socket too, and is done when the sidecar ends meanwhile', async (t) => {
    const path = join(tempDirectory(t), 'admin.sock');
    const sidecar = await startSidecar([...DIGITS, `--admin_socket_path=${path}`, '--drain_delay_ms=60000']);
    const hook = runPillion(['drain', `--admin=unix:${path}`]);
    await sidecar.line(({ event }) => event === 'drain_asked');
    assert.equal(await sidecar.stop(), 0);
    assert.equal(await hook.exited, 0, hook.output());
    if (hasFeature('audit'))
      assert.ok(sidecar.lines.some((line) => line['audit'] === true && line['method'] === 'drain'));
  });

  it('ends with 1 where there is no sidecar', async () => {
    const nobody = runPillion(['drain', '--admin=127.0.0.1:1']);
    assert.equal(await nobody.exited, 1);
    assert.match(nobody.output(), /no sidecar at 127\.0\.0\.1:1: /);
  });
});

describe('a sidecar whose clients have gone', () => {
  it('ends within half a second of SIGTERM', async () => {
    const tookMs: number[] = [];
    // A busy machine may hold one up, and will not hold up all of them.
    for (let i = 0; i < 3 && !tookMs.some((ms) => ms < 500); i++) {
      const sidecar = await startSidecar(DIGITS);
      await (await fetch(`${sidecar.rest}/v1/models/digits`, { headers: { connection: 'close' } })).text();
      assert.equal(await sidecar.stop(), 0);
      tookMs.push(endingMs(sidecar));
    }
    assert.ok(Math.min(...tookMs) < 500, tookMs.join());
  });
});

/** From the signal to the end of the drain, by its own log. */
function endingMs({ lines }: Sidecar): number {
  const timeOf = (event: string): number => Number(lines.find((line) => line.event === event)!['time']);
  return timeOf('drained') - timeOf('ending');
}
