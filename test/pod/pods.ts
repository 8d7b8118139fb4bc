/**
 * deploy/kubernetes' overlays as they are run here. What is changed: images (the application is test/pod/app.mjs on the
 * Node of this tree's image), requests of CPU, which would not fit on a small machine, and models, which come from the
 * component model-claim with a directory of this machine behind it. They get variables of Services, as pods do without
 * `enableServiceLinks: false`, and there is one whose name makes an option's.
 */
import assert from 'node:assert/strict';
import { closeSync, cpSync, mkdirSync, openSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { ApiServer } from '../deploy/api-server.ts';
import { documents, readManifest, runProgram } from '../deploy/manifests.ts';
import { DIRECTORY, POD_LOGS } from './node.ts';
import type { KubeObject } from './watch.ts';

const IMAGE = process.env['PILLION_TEST_IMAGE']!;
const OVERLAYS = 'deploy/kubernetes/overlays';
const CLAIM = 'deploy/kubernetes/components/model-claim/claim.yaml';
const DIGITS = 'examples/digits/models/digits/1';
/** What the claim of the pods gets. */
const MODELS = join(DIRECTORY, 'models');
/** The kubelet gives pods PILLION_REST_API_PORT for it. */
const SERVICE = 'pillion-rest-api';
const RESTRICTED = ['pod-security.kubernetes.io/enforce=restricted', 'pod-security.kubernetes.io/warn=restricted'];

/** Applies the volume with a model without versions, the application's code, and the rules for pods. */
export function applyGround(api: ApiServer): void {
  mkdirSync(join(MODELS, 'digits'), { recursive: true });
  succeed(api.kubectl(['label', 'namespace', 'default', ...RESTRICTED]));
  const volume = {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'models' },
    spec: { accessModes: ['ReadWriteMany'], capacity: { storage: '2Gi' }, hostPath: { path: MODELS } },
  };
  const code = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'app' },
    data: { 'app.mjs': readManifest('test/pod/app.mjs') },
  };
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: SERVICE },
    spec: { ports: [{ port: 80 }] },
  };
  apply(api, [volume, ...documents(readManifest(CLAIM)), code, service]);
}

/** Puts a version of the model there as its publisher does: whole, by a rename. */
export function publish(version: number): void {
  const ready = join(MODELS, `.${version}`);
  cpSync(DIGITS, ready, { recursive: true });
  renameSync(ready, join(MODELS, 'digits', String(version)));
}

export function applyOverlay(api: ApiServer, name: string): void {
  const { status, output, stdout } = runProgram('KUBECTL', ['kustomize', join(OVERLAYS, name)]);
  assert.equal(status, 0, output);
  // Nobody here knows the Prometheus operator's kinds.
  const objects = documents(stdout).filter(({ kind }) => kind !== 'PodMonitor');
  for (const object of objects) {
    if (object.spec?.template !== undefined) makeLocal(object.spec.template.spec);
  }
  apply(api, objects);
}

function makeLocal(pod: KubeObject): void {
  pod.enableServiceLinks = true;
  // Where the component model-init has put one, it would fetch the models.
  pod.initContainers = pod.initContainers.filter(({ name }: KubeObject) => name !== 'models');
  for (const container of [...pod.initContainers, ...pod.containers]) {
    container.image = IMAGE;
    container.imagePullPolicy = 'Never';
    container.resources.requests.cpu = '50m';
  }
  const app = pod.containers.find(isApp);
  // What comes before the application's own command is the overlay's.
  const before = (app.command ?? []).slice(0, (app.command ?? []).indexOf('--') + 1);
  app.command = [...before, '/usr/bin/node', '/app/app.mjs', app.name === 'score' ? 'job' : 'server'];
  app.volumeMounts = [{ name: 'app', mountPath: '/app', readOnly: true }];
  const models = pod.volumes.findIndex(({ name }: KubeObject) => name === 'models');
  pod.volumes[models] = { name: 'models', persistentVolumeClaim: { claimName: 'models', readOnly: true } };
  pod.volumes.push({ name: 'app', configMap: { name: 'app' } });
}

const isApp = ({ name }: KubeObject): boolean => name !== 'pillion';

function apply(api: ApiServer, objects: readonly object[]): void {
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  succeed(api.kubectl(['apply', '--validate=strict', '--filename=-'], list));
}

export function succeed({ status, output }: { status: number | null; output: string }): void {
  assert.equal(status, 0, output);
  assert.doesNotMatch(output, /Warning/);
}

export interface Said {
  /** With nine digits of a second, as text: containerd's time of the line. */
  readonly at: string;
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: a line of a log
  readonly [key: string]: any;
}

export interface ContainerLog {
  /** Its lines of JSON until now, also once the pod and its files are gone. */
  read(): readonly Said[];
  close(): void;
}

/** @param run how often the container had been started before */
export function openLog(pod: KubeObject, container: string, run = 0): ContainerLog {
  const { namespace, name, uid } = pod.metadata;
  const file = openSync(join(POD_LOGS, `${namespace}_${name}_${uid}`, container, `${run}.log`), 'r');
  const read = (): readonly Said[] =>
    readFileSync(`/proc/self/fd/${file}`, 'utf8')
      .split('\n')
      .map((line) => /^(\S+) std(?:out|err) F (\{.*\})$/.exec(line))
      .filter((match) => match !== null)
      .map(([, at, text]) => ({ ...JSON.parse(text!), at: at! }) as Said);
  return { read, close: () => closeSync(file) };
}

/** The status of its container, which may be a native sidecar or an ordinary one. */
export function sidecarOf({ status }: KubeObject): KubeObject {
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return all.find((container) => !isApp(container));
}

export function appOf({ status }: KubeObject): KubeObject {
  return status?.containerStatuses?.find(isApp);
}

export function isReady(pod: KubeObject): boolean {
  const condition = pod.status?.conditions?.find(({ type }: KubeObject) => type === 'Ready');
  return condition?.status === 'True' && pod.metadata.deletionTimestamp === undefined;
}
