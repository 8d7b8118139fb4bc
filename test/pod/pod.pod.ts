/**
 * This tree's image in the pods of deploy/kubernetes, run by a real kubelet and containerd: as a native sidecar in front of
 * an application (the overlay "fronting"), and beside a Job's. The tests are one story of two pods, and follow each other.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { ApiServer } from '../deploy/api-server.ts';
import { type Node, startNode } from './node.ts';
import { applyGround, applyOverlay, appOf, isReady, openLog, publish, type Said, sidecarOf, succeed } from './pods.ts';
import { ask, KINDS, predict, startServiceClient } from './service-client.ts';
import { type KubeObject, type Watch, watch } from './watch.ts';

const REPLICAS = 2;
/** Requests a second during the rollout. */
const RATE = 50;
const LOOK_MS = 200;
const KILLED = 137;
/** Of the overlay's application: its hook sleeps for that long. */
const HOOK_MS = 10_000;
const TIMEOUT = { timeout: 240_000 };

let node: Node;
let api: ApiServer;
let pods: Watch;
let slices: Watch;
let events: Watch;

before(async () => {
  node = await startNode();
  api = node.api;
  pods = await watch(api, '/api/v1/namespaces/default/pods');
  slices = await watch(api, '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices');
  events = await watch(api, '/api/v1/namespaces/default/events');
  applyGround(api);
}, TIMEOUT);

after(async () => {
  for (const each of [pods, slices, events]) each?.close();
  await node?.close();
});

/** Those of the Deployment that are not on their way out. */
const appPods = (all: readonly KubeObject[]): KubeObject[] =>
  all.filter(({ metadata }) => metadata.labels.app === 'app' && metadata.deletionTimestamp === undefined);

const allReady = (all: readonly KubeObject[]): KubeObject[] | false => {
  const found = appPods(all);
  return found.length === REPLICAS && found.every(isReady) && found;
};

/** The pod as it is once `holds`. */
function podUntil({ metadata }: KubeObject, holds: (pod: KubeObject) => boolean): Promise<KubeObject> {
  return pods.until((all) => all.find((pod) => pod.metadata.uid === metadata.uid && holds(pod)));
}

const onePod = async (): Promise<KubeObject> => (await pods.until(allReady))[0];

function lineOf(lines: readonly Said[], event: string): Said {
  const found = lines.find((line) => line.event === event);
  assert.ok(found !== undefined, `no line "${event}" among ${lines.map((line) => line.event).join(', ')}`);
  return found;
}

const msBetween = (from: Said, to: Said): number => Date.parse(to.at) - Date.parse(from.at);

describe('a native sidecar in front of an application', () => {
  it('holds the application back until its model is there', TIMEOUT, async () => {
    applyOverlay(api, 'fronting');
    const isWaiting = ({ reason, message }: KubeObject): boolean => reason === 'Unhealthy' && /^Startup/.test(message);
    const unhealthy = await events.until((all) => all.find(isWaiting));
    // The kubelet tells of the event first, and then of the pod's state.
    const isRunning = (pod: KubeObject): boolean => sidecarOf(pod)?.state.running !== undefined;
    const { name } = unhealthy.involvedObject;
    const pod = await pods.until((all) => all.find((each) => each.metadata.name === name && isRunning(each)));
    assert.equal(sidecarOf(pod).started, false);
    assert.equal(appOf(pod).state.waiting.reason, 'PodInitializing');

    let early = 0;
    pods.follow((all) => {
      for (const each of appPods(all)) if (appOf(each)?.state.running && !sidecarOf(each).started) early++;
    });
    publish(1);
    for (const ready of await pods.until(allReady)) {
      const sidecar = openLog(ready, 'pillion');
      const app = openLog(ready, 'app');
      assert.ok(lineOf(sidecar.read(), 'ready').at < lineOf(app.read(), 'start').at);
      assert.equal(lineOf(app.read(), 'first_answer')['status'], 200, 'its first request, before it listens');
      assert.match(
        lineOf(sidecar.read(), 'config_warning')['msg'],
        /PILLION_REST_API_PORT=tcp:.*enableServiceLinks: false/,
      );
      sidecar.close();
      app.close();
    }
    assert.equal(early, 0, 'an application ran whose sidecar had not started');
  });

  it('answers for the model and for the application at the pod’s address', TIMEOUT, async () => {
    const { podIP } = (await onePod()).status;
    const { status, text } = await predict(podIP);
    assert.equal(status, 200, text);
    assert.equal(JSON.parse(text).predictions.length, 1);
    const fronted = await ask(podIP, '/orders/7?full');
    assert.deepEqual([fronted.status, fronted.text], [200, 'the application: /orders/7?full\n']);
  });

  it('serves a new version that appears on the volume', TIMEOUT, async () => {
    const found = await pods.until(allReady);
    const versions = (): Promise<(string | undefined)[]> =>
      Promise.all(found.map(async ({ status }) => (await predict(status.podIP)).version));
    assert.deepEqual(await versions(), ['1', '1']);
    publish(2);
    while ((await versions()).some((version) => version !== '2')) await pause(LOOK_MS);
  });

  it('rolls a Deployment over under load without a failed request, each pod in its order', TIMEOUT, async (t) => {
    const old = await pods.until(allReady);
    const isOld = ({ metadata }: KubeObject): boolean => old.some((pod) => pod.metadata.uid === metadata.uid);
    const logs = old.map((pod) => ({ sidecar: openLog(pod, 'pillion'), app: openLog(pod, 'app') }));
    const ends = new Map<string, KubeObject>();
    pods.follow((all) => {
      for (const pod of all.filter(isOld)) ends.set(pod.metadata.name, pod);
    });
    const client = startServiceClient(slices, RATE);
    while (client.answered.size < REPLICAS * KINDS.length) await pause(LOOK_MS);
    succeed(api.kubectl(['rollout', 'restart', 'deployment/app']));
    await pods.until((all) => !all.some(isOld) && allReady(all));
    while (client.answered.size < 2 * REPLICAS * KINDS.length) await pause(LOOK_MS);
    await client.stop();
    t.diagnostic(`${client.sent} requests, ${client.failures.length} failed`);
    assert.deepEqual(client.failures, []);
    for (const { sidecar, app } of logs) {
      checkEnd(sidecar.read(), app.read());
      sidecar.close();
      app.close();
    }
    for (const pod of ends.values()) {
      assert.equal(sidecarOf(pod).state.terminated?.exitCode, 0);
      assert.equal(appOf(pod).state.terminated?.exitCode, 0);
    }
    const failedHooks = [...events.objects.values()].filter(({ reason }) => reason === 'FailedPreStopHook');
    assert.deepEqual(failedHooks, [], 'no client was left when `pillion drain` ended');
  });

  it('is started again after kill -9, and the application is not', TIMEOUT, async () => {
    const pod = await onePod();
    await node.kill(sidecarOf(pod).containerID, 'SIGKILL');
    const isAgain = (now: KubeObject): boolean => sidecarOf(now).restartCount === 1 && isReady(now);
    const again = await podUntil(pod, isAgain);
    assert.equal(sidecarOf(again).lastState.terminated.exitCode, KILLED);
    assert.equal(appOf(again).restartCount, 0);
    assert.equal(appOf(again).containerID, appOf(pod).containerID);
    assert.equal((await predict(pod.status.podIP)).status, 200);
    assert.equal((await ask(pod.status.podIP, '/again')).status, 200);
  });

  it('stays while its application is out of memory, and is ready only with it', TIMEOUT, async () => {
    const pod = await onePod();
    const { podIP } = pod.status;
    const isBackAfter = (runs: number) => (now: KubeObject) => appOf(now).restartCount === runs && isReady(now);
    // A GET would be sent a second time over a new connection, and find nobody.
    const eat = async (): Promise<void> => {
      const { status, text } = await ask(podIP, '/hog', '');
      assert.equal(status, 502, text);
    };
    await eat();
    const once = await podUntil(pod, (now) => appOf(now).restartCount === 1 && appOf(now).state.running);
    const { exitCode, reason } = appOf(once).lastState.terminated;
    assert.deepEqual([exitCode, reason], [KILLED, 'OOMKilled']);
    await podUntil(pod, isBackAfter(1));
    // The kubelet waits before the second start: long enough for --app_health_path.
    while ((await ask(podIP, '/').catch(() => undefined))?.status !== 200) await pause(LOOK_MS);
    await eat();
    await podUntil(pod, (now) => !isReady(now));
    assert.equal((await predict(podIP)).status, 200, 'the model is served meanwhile');
    const back = await podUntil(pod, isBackAfter(2));
    assert.deepEqual([sidecarOf(back).restartCount, sidecarOf(back).containerID], stateOf(pod));
  });
});

describe('a sidecar beside a Job', () => {
  for (const overlay of ['job', 'job-ordinary-container']) {
    it(`ends with it, and the pod has succeeded: ${overlay}`, TIMEOUT, () => checkJob(overlay));
  }
});

async function checkJob(overlay: string): Promise<void> {
  const jobs = await watch(api, '/apis/batch/v1/namespaces/default/jobs');
  applyOverlay(api, overlay);
  const pod = await pods.until((all) => all.find(({ metadata }) => metadata.labels.app === 'score'));
  const running = await podUntil(pod, (now) => appOf(now)?.state.terminated !== undefined);
  const app = openLog(running, 'score');
  const done = await podUntil(pod, ({ status }) => /Succeeded|Failed/.test(status.phase));
  assert.equal(done.status.phase, 'Succeeded');
  assert.equal(sidecarOf(done).state.terminated.exitCode, 0);
  assert.equal(sidecarOf(done).restartCount, 0);
  assert.equal(lineOf(app.read(), 'first_answer')['status'], 200);
  assert.equal(lineOf(app.read(), 'scored')['answers'], 50);
  app.close();
  const isComplete = ({ status }: KubeObject): boolean => status.succeeded === 1;
  await jobs.until((all) => all.find(isComplete));
  jobs.close();
  // The next one has its name.
  succeed(api.kubectl(['delete', 'job/score', '--cascade=foreground']));
}

function stateOf(pod: KubeObject): unknown[] {
  return [sidecarOf(pod).restartCount, sidecarOf(pod).containerID];
}

/** Pillion's hook, the application's, the application's end, the sidecar's. */
function checkEnd(sidecar: readonly Said[], app: readonly Said[]): void {
  const asked = lineOf(sidecar, 'drain_asked');
  const told = lineOf(app, 'sigterm');
  const exit = lineOf(app, 'exit');
  const draining = lineOf(sidecar, 'draining');
  const drained = lineOf(sidecar, 'drained');
  assert.ok(msBetween(asked, told) > HOOK_MS / 2, 'the application has its SIGTERM after both hooks');
  assert.equal(exit['last_answer'], 200, 'the sidecar answers the application at its end');
  assert.ok(exit.at < draining.at, 'the sidecar has its SIGTERM after the application has ended');
  assert.ok(draining.at <= drained.at);
}
