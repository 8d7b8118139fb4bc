/**
 * Istio on the manifests: its own validation and analysis, and its own injection into every pod, from the templates of its
 * chart. No control plane runs.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
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

const istioctl = (args: readonly string[]): Answer => runProgram('ISTIOCTL', args, '', { KUBECONFIG: '/dev/null' });

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

  it('finds a route to a host that is not there', () => {
    const route = readManifest('deploy/istio/virtual-service.yaml').replaceAll('inference.default', 'other.default');
    const { output } = analyse([
      written('server.yaml', inDefault(sets.get(STANDALONE)!)),
      written('route.yaml', route),
    ]);
    assert.match(output, /IST0101/);
  });
});

function analyse(files: readonly string[]): Answer {
  return istioctl(['analyze', '--use-kube=false', '--namespace=default', ...files]);
}

/** With the namespace, which says that Istio injects its proxy there. */
function inDefault(text: string): string {
  return `apiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {istio-injection: enabled}}\n---\n${text}`;
}

describe("Istio's injection", () => {
  before(() => {
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
    const [{ spec }] = inject(sets.get('deploy/kubernetes/overlays/job-ordinary-container')!).values();
    assert.deepEqual(proxyOf(spec), undefined);
  });

  it('leaves the probe port alone', () => {
    const [{ metadata }] = inject(sets.get(STANDALONE)!).values();
    assert.match(metadata.annotations!['traffic.sidecar.istio.io/excludeInboundPorts']!, /8503/);
  });
});

function inject(text: string): ReadonlyMap<string, PodTemplate> {
  const own = written('pods.yaml', text);
  const files = ['config.yaml', 'mesh.yaml', 'values.json'].map((name) => join(directory, name));
  const [config, mesh, values] = files as [string, string, string];
  const from = ['--injectConfigFile', config, '--meshConfigFile', mesh, '--valuesFile', values];
  const { status, output } = istioctl(['kube-inject', ...from, '--filename', own]);
  assert.equal(status, 0, output);
  return podTemplates(documents(output));
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
