/**
 * 700 odd requests, each through this server and through Envoy, in front of the same application. What answers they get,
 * and what the application gets of them, is the same, or a line in differences.ts says why not. The application never
 * gets a request that hides in another, whoever reads what it is sent.
 */
import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { runEnvoy } from '../mesh/envoy.ts';
import { DIGITS, killSidecars, startSidecar } from '../support/sidecar.ts';
import { type AppName, killApps, startApp } from './apps.ts';
import { DIFFERENCES, PIPELINED } from './differences.ts';
import { envoyFrontConfig } from './envoy-front.ts';
import { oddFields } from './odd/fields.ts';
import { oddFramings } from './odd/framings.ts';
import { oddLines } from './odd/lines.ts';
import { type Ran, runAll, sameness } from './odd-run.ts';
import { RecordingApp } from './recording-app.ts';
import { asSeen, isWithin, replay } from './replay.ts';

const REQUESTS = [...oddLines(), ...oddFields(), ...oddFramings()];
const READERS: readonly AppName[] = ['fastify, forgiving', 'go', 'starlette', 'starlette on h11'];

describe('odd requests', () => {
  let ours: readonly Ran[] = [];
  let theirs: readonly Ran[] = [];

  const ends: (() => unknown)[] = [];

  before(async () => {
    const context = { after: (end: () => unknown) => ends.push(end) } as unknown as TestContext;
    const apps = [await RecordingApp.start(), await RecordingApp.start()] as const;
    const sidecar = await startSidecar([...DIGITS, `--app=http://${apps[0].address}`]);
    const envoy = await runEnvoy(context, envoyFrontConfig(apps[1].address));
    [ours, theirs] = await Promise.all([
      runAll(sidecar.rest.slice('http://'.length), apps[0], REQUESTS),
      runAll(envoy.address, apps[1], REQUESTS),
    ]);
    await sidecar.stop();
    for (const app of apps) app.close();
  });
  after(async () => {
    killSidecars();
    for (const end of ends.reverse()) await end();
    await killApps();
  });

  test('are 700 different ones', () => {
    assert.equal(new Set(REQUESTS.map(({ name }) => name)).size, REQUESTS.length);
    assert.ok(REQUESTS.length >= 700, String(REQUESTS.length));
  });

  test('reach the application in the canonical form, or not at all', () => {
    for (const { name, faults } of ours) assert.deepEqual(faults, [], name);
  });

  test('hide no other request', () => {
    const smuggled = ours.filter(({ requests }) => requests.some(({ target }) => target.startsWith('/smuggled')));
    assert.deepEqual(
      smuggled.map(({ name }) => name),
      PIPELINED,
    );
  });

  test('leave no answer behind that another request gets', () => {
    for (const { name, outcome } of ours) {
      if (PIPELINED.includes(name)) continue;
      assert.ok(['served', 'closed', 'silent', 'tunnel'].includes(outcome.probe), `${name}: ${outcome.probe}`);
    }
  });

  test('come to the same as with Envoy, or it is known why not', () => {
    const differ = ours.flatMap((ran, i) => (sameness(ran) === sameness(theirs[i]!) ? [] : [ran.name]));
    const known = Object.values(DIFFERENCES).flat();
    const unknown = differ.filter((name) => !known.includes(name));
    const shown = unknown.map((name) => {
      const i = ours.findIndex((ran) => ran.name === name);
      return `${name}\n    ours:  ${sameness(ours[i]!)}\n    Envoy: ${sameness(theirs[i]!)}`;
    });
    assert.equal(shown.join('\n'), '');
    assert.deepEqual(
      known.filter((name) => !differ.includes(name)),
      [],
      'these do not differ any more',
    );
  });

  for (const reader of READERS) {
    test(`are the same requests to ${reader}`, async () => {
      const app = await startApp(reader);
      let whole = 0;
      const streams = ours.flatMap(({ name, streams: all }) => all.map((stream) => ({ name, ...stream })));
      const chosen = streams.filter(({ isComplete, requests }) => isComplete && requests.length > 0);
      for (const { name, bytes, requests } of chosen) {
        const expected = requests.map(asSeen);
        const found = await replay(app.address, bytes);
        assert.ok(isWithin(found, expected), `${name}: ${reader} found ${found}, and not ${expected}`);
        if (found.length === expected.length) whole += 1;
      }
      await app.kill();
      // It may refuse some.
      assert.ok(whole >= chosen.length * 0.85, `${whole} of ${chosen.length}`);
    });
  }
});
