/** What every pod of deploy/ promises: its options, its end, its rights, and that what belongs together is. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tempDirectory } from '../support/temp-directory.ts';
import {
  type Container,
  containersOf,
  documents,
  isSelected,
  type Manifest,
  type PodSpec,
  type Probe,
  podTemplates,
  readManifest,
  renderedSets,
  type Selector,
} from './manifests.ts';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const CONFIG = '/etc/pillion/pillion.yaml';
/** Connections that do not end, the last lines of log and traces. */
const LAST_SECONDS = 3;
const KSERVE_FILES = ['deploy/kserve/cluster-serving-runtime.yaml', 'deploy/kserve/image-swap.yaml'];

const sets = new Map([...renderedSets()].map(([name, text]) => [name, documents(text)]));

function isPillion({ name }: Container): boolean {
  return name === 'pillion';
}

/** Its effective options, by name. */
function checkOptions(args: readonly string[]): Map<string, string> {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'config', 'check', ...args, '--json'], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, `${args.join(' ')}: ${stderr}${stdout}`);
  const { options } = JSON.parse(stdout) as { options: Record<string, { value: unknown }> };
  return new Map(Object.entries(options).map(([name, { value }]) => [name, String(value)]));
}

function preStopSeconds({ lifecycle }: Container): number {
  const timeout = lifecycle?.preStop?.exec?.command.find((word) => word.startsWith('--timeout='));
  return lifecycle?.preStop?.sleep?.seconds ?? Number(timeout?.slice('--timeout='.length) ?? 0);
}

function seconds(options: Map<string, string>, name: string): number {
  return Number(options.get(name)) / 1000;
}

describe('every pod', () => {
  for (const [name, manifests] of sets) {
    for (const [owner, { spec }] of podTemplates(manifests)) {
      it(`${owner} of ${name} has no rights that it does not need, and a limit of memory`, () => checkRights(spec));
    }
  }
});

function checkRights(spec: PodSpec): void {
  assert.equal(spec.enableServiceLinks, false, 'a Service called pillion sets PILLION_PORT');
  assert.equal(spec.automountServiceAccountToken, false);
  assert.deepEqual(spec.securityContext, { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  for (const { name, securityContext, resources } of containersOf(spec)) {
    const { runAsUser, runAsGroup, ...rights } = securityContext ?? {};
    const least = { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
    assert.deepEqual(rights, least, name);
    assert.ok(runAsUser !== 0 && runAsGroup !== 0, name);
    assert.ok(resources?.limits?.['memory'] !== undefined && resources.requests?.['cpu'] !== undefined, name);
  }
}

describe("every Pillion's pod", () => {
  for (const [name, manifests] of sets) {
    const configs = manifests.filter(({ kind }) => kind === 'ConfigMap').map(({ data }) => data?.['pillion.yaml']);
    for (const [owner, { metadata, spec }] of podTemplates(manifests)) {
      const pillion = containersOf(spec).find(isPillion);
      if (pillion === undefined) continue;
      it(`${owner} of ${name} has options that exist, and time to end`, (t) => {
        const file = join(tempDirectory(t), 'pillion.yaml');
        writeFileSync(file, configs[0]!);
        const options = checkOptions(pillion.args!.slice(1).map((arg) => arg.replace(CONFIG, file)));
        checkEnd(spec, pillion, options);
        checkProbes(pillion, options);
        checkTimes(pillion, options);
        checkMesh(spec, metadata.annotations ?? {});
      });
    }
  }

  it('is refused with an option that does not exist', () => {
    assert.throws(() => checkOptions(['--model_base_path=/models', '--drain_delay=5']), /unknown option --drain_delay/);
  });

  it('is refused with a readiness probe that sees a drain too late', () => {
    const options = new Map([
      ['drain_delay_ms', '5000'],
      ['app', ''],
    ]);
    const probes = (readinessProbe: Probe): Container => ({ name: 'pillion', readinessProbe, livenessProbe: {} });
    checkTimes(probes({ periodSeconds: 2, failureThreshold: 2 }), options);
    assert.throws(() => checkTimes(probes({ periodSeconds: 2 }), options), /before anybody has seen it/);
    options.set('app', 'http://127.0.0.1:8080');
    assert.throws(() => checkTimes(probes({ periodSeconds: 2, failureThreshold: 1 }), options), /seen at once/);
  });

  it('is refused with less time than its end takes, and with a drain that nobody notices', () => {
    const lifecycle = { preStop: { exec: { command: ['pillion', 'drain', '--timeout=15'] } } };
    const pillion = { name: 'pillion', lifecycle };
    const pod = { containers: [pillion], terminationGracePeriodSeconds: 27 };
    const options = new Map([
      ['drain_delay_ms', '5000'],
      ['drain_timeout_ms', '10000'],
      ['bind_address', '::'],
      ['app', ''],
    ]);
    assert.throws(() => checkEnd(pod, pillion, options), /grace period 27 s, and its end takes 28 s/);
    options.set('drain_delay_ms', '0');
    const longer = { ...pod, terminationGracePeriodSeconds: 30 };
    assert.throws(() => checkEnd(longer, pillion, options), /take some seconds to notice/);
  });

  for (const file of KSERVE_FILES) {
    it(`has options that exist in ${file}`, (t) => {
      const models = tempDirectory(t);
      const options = (args: readonly string[]): Map<string, string> =>
        checkOptions(args.map((arg) => arg.replace('{{.Name}}', 'digits').replace('/mnt/models', models)));
      for (const { spec } of documents(readManifest(file))) {
        const [container] = spec.containers as [Container];
        const effective = options(container.args!.filter((arg) => arg.startsWith('--')));
        const defaults = { terminationGracePeriodSeconds: 30, containers: [container] };
        if (container.lifecycle === undefined) continue;
        checkEnd(defaults, container, effective);
        checkTimes(container, effective);
      }
    });
  }
});

/** The hook and the application's end come before SIGTERM; with native sidecars one after the other. */
function checkEnd(spec: PodSpec, pillion: Container, options: Map<string, string>): void {
  const delay = seconds(options, 'drain_delay_ms');
  const hook = preStopSeconds(pillion);
  const others = Math.max(
    0,
    ...containersOf(spec)
      .filter((each) => each !== pillion)
      .map(preStopSeconds),
  );
  const needed = Math.max(hook, others) + seconds(options, 'drain_timeout_ms') + LAST_SECONDS;
  const grace = spec.terminationGracePeriodSeconds!;
  assert.ok(grace >= needed, `grace period ${grace} s, and its end takes ${needed} s`);
  const isAsked = options.get('bind_address') === '::';
  if (isAsked) {
    assert.ok(delay >= 5, 'endpoints and balancers take some seconds to notice');
    assert.ok(hook > delay, 'the delay is a part of the hook');
  } else assert.equal(delay, 0, 'nobody has to notice');
  if (options.get('app') !== '') assert.ok(others >= hook, 'the application answers until clients have left');
}

function checkProbes(
  { ports, startupProbe, readinessProbe, livenessProbe }: Container,
  options: Map<string, string>,
): void {
  const number = Number(options.get('probe_port'));
  assert.equal(ports?.find(({ name }) => name === 'probes')?.containerPort, number);
  const paths = [startupProbe, readinessProbe, livenessProbe].flatMap((probe) => probe?.httpGet ?? []);
  for (const { port } of paths) assert.equal(port, 'probes');
  assert.equal(livenessProbe?.httpGet?.path, '/live', 'another path fails in a drain, and the container is restarted');
}

/** Within which the kubelet has seen that something is wrong. Its own defaults are 10 s and three times. */
const seenWithin = ({ periodSeconds = 10, failureThreshold = 3 }: Probe = {}): number =>
  periodSeconds * failureThreshold;

/** A drain is seen while the server answers as before; a stall is none, and loading takes its time. */
function checkTimes({ startupProbe, readinessProbe, livenessProbe }: Container, options: Map<string, string>): void {
  const delay = seconds(options, 'drain_delay_ms');
  if (delay > 0) assert.ok(seenWithin(readinessProbe) <= delay, 'the drain begins before anybody has seen it');
  if (options.get('app') !== '') assert.equal(seenWithin(readinessProbe), 1, 'a dead application is seen at once');
  if (startupProbe !== undefined) assert.ok(seenWithin(startupProbe) >= 60, 'models take their time to load');
  assert.ok(seenWithin(livenessProbe) >= 30, 'a stall of some seconds starts the container again');
}

/** An init container that Istio's ordinary proxy has to probe never starts. */
function checkMesh(spec: PodSpec, annotations: Readonly<Record<string, string>>): void {
  const isNative = (spec.initContainers ?? []).some(isPillion);
  if (isNative) assert.equal(annotations['sidecar.istio.io/nativeSidecar'], 'true');
}

describe('what belongs together', () => {
  for (const [name, manifests] of [...sets].filter(([, each]) => podTemplates(each).size > 0)) {
    it(`is found by its selectors in ${name}`, () => {
      const pods = [...podTemplates(manifests).values()].map(({ metadata }) => metadata.labels);
      for (const [what, selector] of selectors(manifests)) {
        assert.ok(
          pods.some((labels) => isSelected(labels, selector)),
          `${what} selects no pod`,
        );
      }
    });

    it(`has the ports that its Services and policies name in ${name}`, () => {
      const ports = [...podTemplates(manifests).values()].flatMap(({ spec }) => containersOf(spec)).flatMap(portsOf);
      for (const [what, port] of namedPorts(manifests)) assert.ok(ports.includes(port), `${what}: no port ${port}`);
    });
  }
});

function portsOf({ ports = [] }: Container): (string | number)[] {
  return ports.flatMap(({ name, containerPort }) => [name ?? '', containerPort]);
}

function selectors(manifests: readonly Manifest[]): [string, Selector][] {
  return manifests.flatMap((manifest): [string, Selector][] => {
    const what = `${manifest.kind} ${manifest.metadata.name}`;
    if (manifest.kind === 'Service') return [[what, { matchLabels: manifest.spec.selector }]];
    const selector = manifest.spec?.podSelector ?? (manifest.kind === 'Job' ? undefined : manifest.spec?.selector);
    return selector === undefined ? [] : [[what, selector]];
  });
}

function namedPorts(manifests: readonly Manifest[]): [string, string | number][] {
  return manifests.flatMap(({ kind, metadata, spec }) => {
    const named = (ports: readonly (string | number)[]): [string, string | number][] =>
      ports.map((port) => [`${kind} ${metadata.name}`, port]);
    if (kind === 'Service') return named((spec.ports as { targetPort: number }[]).map(({ targetPort }) => targetPort));
    if (kind === 'PodMonitor') return named((spec.podMetricsEndpoints as { port: string }[]).map(({ port }) => port));
    if (kind !== 'NetworkPolicy') return [];
    const rules = (spec.ingress ?? []) as { ports: { port: number }[] }[];
    return named(rules.flatMap(({ ports }) => ports.map(({ port }) => port)));
  });
}
