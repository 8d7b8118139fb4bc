/**
 * Istio on the manifests: its own validation and analysis, and its own injection into every pod, from the templates of its
 * chart. No control plane runs.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type ApiServer, startApiServer } from './api-server.ts';
import {
  type Answer,
  documents,
  type PodSpec,
  type PodTemplate,
  podTemplates,
  programPath,
  readManifest,
  renderedSets,
  runProgram,
} from './manifests.ts';

const STANDALONE = 'deploy/kubernetes/overlays/standalone';
const RESOURCES = readdirSync('deploy/istio')
  .filter((file) => file !== 'kustomization.yaml')
  .map((file) => join('deploy/istio', file));

const directory = mkdtempSync(join(tmpdir(), 'pillion-istio-'));
const sets = renderedSets();

after(() => rmSync(directory, { recursive: true, force: true }));

const istioctl = (args: readonly string[], kubeconfig = '/dev/null'): Answer =>
  runProgram('ISTIOCTL', args, '', { KUBECONFIG: kubeconfig });

function written(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

describe('istioctl', () => {
  for (const file of RESOURCES) {
    it(`validates ${file}`, () => {
      const { status, output } = istioctl(['validate', '--filename', file]);
      assert.equal(status, 0, output);
    });
  }

  it('refuses a duration that is none', () => {
    const { status, output } = istioctl(['validate', '--filename', 'test/deploy/broken/istio.yaml']);
    assert.notEqual(status, 0, output);
    assert.match(output, /soon/);
  });

  it('finds nothing to say about the server and its resources', () => {
    const { status, output } = analyse([written('server.yaml', inDefault(sets.get(STANDALONE)!)), ...RESOURCES]);
    assert.equal(status, 0, output);
    assert.match(output, /No validation issues found/);
  });

  it('finds a route to a subset that no rule has', () => {
    const route = readManifest('deploy/istio/virtual-service.yaml').replace('port: {number: 8500}', 'subset: other');
    const { status, output } = analyse([
      ...RESOURCES.filter((file) => !file.includes('virtual')),
      written('r.yaml', route),
    ]);
    assert.equal(status, 79, output);
    assert.match(output, /IST0101.*subset/);
  });
});

/** Without a cluster istioctl does not ask whether they are there. */
describe("Istio's routes", () => {
  it('lead to a Service and its ports', () => {
    const services = documents(sets.get(STANDALONE)!).filter(({ kind }) => kind === 'Service');
    const [route] = documents(readManifest('deploy/istio/virtual-service.yaml'));
    const [rule] = documents(readManifest('deploy/istio/destination-rule.yaml'));
    const routes = (route!.spec.http as { route: { destination: Destination }[] }[]).flatMap((each) => each.route);
    for (const { host, port } of [...routes.map(({ destination }) => destination), rule!.spec as Destination]) {
      const service = services.find(({ metadata }) => `${metadata.name}.default.svc.cluster.local` === host);
      assert.ok(service !== undefined, host);
      const ports = (service.spec.ports as { port: number }[]).map((each) => each.port);
      assert.ok(port === undefined || ports.includes(port.number), `${host}:${port?.number}`);
    }
  });
});

interface Destination {
  readonly host: string;
  readonly port?: { readonly number: number };
}

function analyse(files: readonly string[]): Answer {
  return istioctl(['analyze', '--use-kube=false', '--namespace=default', ...files]);
}

/** With the namespace, which says that Istio injects its proxy there. */
function inDefault(text: string): string {
  return `apiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {istio-injection: enabled}}\n---\n${text}`;
}

describe("Istio's injection", () => {
  let server: ApiServer;

  before(async () => {
    // istioctl asks for the namespace's pods, and waits without end where nobody answers.
    server = await startApiServer();
    const chart = [
      'template',
      'istiod',
      programPath('ISTIO_CHART'),
      '--namespace=istio-system',
      '--kube-version=1.37.2',
    ];
    // The proxy as an ordinary container is the case in which a pod can wait for itself.
    const { status, output } = runProgram('HELM', [...chart, '--set=pilot.env.ENABLE_NATIVE_SIDECARS=false']);
    assert.equal(status, 0, output);
    const data = (name: string): Readonly<Record<string, string>> =>
      documents(output).find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name)!.data!;
    written('config.yaml', data('istio-sidecar-injector')['config']!);
    written('values.json', data('istio-sidecar-injector')['values']!);
    written('mesh.yaml', data('istio')['mesh']!);
  });

  after(() => server.close());

  const inject = (text: string): ReadonlyMap<string, PodTemplate> => injected(text, server.kubeconfig);

  for (const [name, text] of sets) {
    it(`lets every pod start in ${name}`, () => {
      for (const [owner, pod] of inject(text)) assert.equal(waitsForItself(pod), false, owner);
    });
  }

  it('would have a pod wait for itself without the annotation', () => {
    const text = sets.get('deploy/kubernetes/overlays/native-sidecar')!;
    const without = text.replace('sidecar.istio.io/nativeSidecar: "true"', 'sidecar.istio.io/nativeSidecar: "false"');
    assert.notEqual(without, text);
    const [pod] = inject(without).values();
    assert.equal(waitsForItself(pod!), true);
  });

  it('puts no proxy into the Job whose sidecar is an ordinary container', () => {
    const [job] = inject(sets.get('deploy/kubernetes/overlays/job-ordinary-container')!).values();
    assert.equal(proxyOf(job!.spec), undefined);
  });

  it('leaves the probe port alone', () => {
    const [server] = inject(sets.get(STANDALONE)!).values();
    assert.match(server!.metadata.annotations!['traffic.sidecar.istio.io/excludeInboundPorts']!, /8503/);
  });
});

function injected(text: string, kubeconfig: string): ReadonlyMap<string, PodTemplate> {
  const own = written('pods.yaml', text);
  const files = ['config.yaml', 'mesh.yaml', 'values.json'].map((name) => join(directory, name));
  const [config, mesh, values] = files as [string, string, string];
  const from = ['--injectConfigFile', config, '--meshConfigFile', mesh, '--valuesFile', values];
  const { status, output, stdout } = istioctl(['kube-inject', ...from, '--filename', own], kubeconfig);
  assert.equal(status, 0, output);
  return podTemplates(documents(stdout));
}

function proxyOf({ initContainers = [], containers }: PodSpec): 'before the others' | 'beside them' | undefined {
  if (containers.some(({ name }) => name === 'istio-proxy')) return 'beside them';
  return initContainers.some(({ name }) => name === 'istio-proxy') ? 'before the others' : undefined;
}

/** Pillion's startup probe is the proxy's to answer, and the proxy starts after it has passed. */
function waitsForItself({ spec }: PodTemplate): boolean {
  const names = (spec.initContainers ?? []).map(({ name }) => name);
  const pillion = names.indexOf('pillion');
  if (pillion === -1) return false;
  const path = spec.initContainers![pillion]!.startupProbe?.httpGet?.path ?? '';
  const isRewritten = path.startsWith('/app-health/');
  const proxy = names.indexOf('istio-proxy');
  return isRewritten && (proxy === -1 || proxy > pillion);
}
