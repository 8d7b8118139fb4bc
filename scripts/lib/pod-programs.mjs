/**
 * Prepares what `npm test -- pod` runs on: the programs of a Kubernetes node and its control plane, compiled from Go's
 * modules or out of Debian's packages, and two images: this tree's, and the one that holds a pod's namespaces.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { ensureDebianProgram } from './debian-program.mjs';
import { ensureApiServer, KUBERNETES_FLAGS } from './deploy-programs.mjs';
import { ensureGoProgram } from './go-program.mjs';
import { prepareImage } from './image-suite.mjs';
import { statusOfTestFiles, testFiles } from './node-tests.mjs';
import { ensureBuiltForTests, ensurePython, root, run } from './setup.mjs';

const DIRECTORY = join(root, '.cache', 'pod');
const PAUSE_IMAGE = 'localhost/pause:1';
const CGROUPS = '/sys/fs/cgroup';
/** The kubelet's own, which it leaves behind. */
const POD_CGROUP = 'kubepods';
/** Processes that lose their parent become the shell's, which reaps them as a machine's first process does. */
const FIRST_PROCESS = '"$@"; exit $?';

/**
 * Runs the suite with namespaces of its own: network, mounts and processes. So its bridge, its ports and its mounts are
 * nobody else's, and all that it has started ends with it.
 */
export function runPodSuite() {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    console.error('npm test -- pod runs a kubelet, and needs Linux and root');
    process.exit(1);
  }
  removePodCgroups();
  const env = preparePod();
  ensureBuiltForTests();
  const own = ['--net', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation=private'];
  const within = ['unshare', '--mount', ...own, 'sh', '-c', FIRST_PROCESS, 'sh'];
  const status = statusOfTestFiles(testFiles('.pod.js'), { env, within });
  removePodCgroups();
  rmSync(env.PILLION_TEST_POD_DIRECTORY, { recursive: true, force: true });
  rmSync(env.PILLION_TEST_POD_IMAGES);
  if (status !== 0) process.exit(status);
}

function preparePod() {
  const env = prepareImage('onnx');
  const debian = (name, file, megabytes) => join(ensureDebianProgram(name, file, megabytes), dirname(file));
  const containerd = debian('containerd', 'usr/bin/containerd', 26);
  const images = saveImages(env, debian('catatonit', 'usr/bin/catatonit', 1));
  return {
    PATH: `${containerd}:${process.env.PATH}:/usr/sbin:/sbin`,
    PILLION_TEST_POD_DIRECTORY: join(DIRECTORY, 'node'),
    PILLION_TEST_POD_IMAGES: images,
    PILLION_TEST_IMAGE: env.PILLION_TEST_IMAGE,
    PILLION_TEST_PAUSE_IMAGE: PAUSE_IMAGE,
    PILLION_TEST_CONTAINERD: join(containerd, 'containerd'),
    PILLION_TEST_CTR: join(containerd, 'ctr'),
    PILLION_TEST_CNI: debian('containernetworking-plugins', 'usr/lib/cni/bridge', 6),
    PILLION_TEST_ETCD: join(debian('etcd-server', 'usr/bin/etcd', 8), 'etcd'),
    PILLION_TEST_KUBECTL: join(dirname(ensurePython('deploy', 'test/deploy/requirements.txt')), 'kubectl'),
    PILLION_TEST_APISERVER: ensureApiServer(),
    PILLION_TEST_KUBELET: ensureNodeProgram('kubelet'),
    PILLION_TEST_CONTROLLERS: ensureNodeProgram('kube-controller-manager'),
    PILLION_TEST_SCHEDULER: ensureNodeProgram('kube-scheduler'),
  };
}

function ensureNodeProgram(name) {
  const program = ensureGoProgram({
    name,
    directory: 'test/pod/programs/kubernetes',
    main: `k8s.io/kubernetes/cmd/${name}`,
    megabytes: 120,
    flags: KUBERNETES_FLAGS,
  });
  if (program === undefined) process.exit(1);
  return program;
}

/** Both images in one archive, as containerd imports it. */
function saveImages(env, catatonit) {
  const directory = join(DIRECTORY, 'pause');
  mkdirSync(directory, { recursive: true });
  copyFileSync(join(catatonit, 'catatonit'), join(directory, 'pause'));
  writeFileSync(join(directory, 'Dockerfile'), 'FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause", "-P"]\n');
  const archive = join(DIRECTORY, 'images.tar');
  rmSync(archive, { force: true });
  const options = { env: { ...process.env, ...env } };
  run('podman', ['build', '--quiet', '--isolation=chroot', '--tag', PAUSE_IMAGE, directory], options);
  const words = ['save', '--quiet', '--multi-image-archive', '--output', archive, env.PILLION_TEST_IMAGE, PAUSE_IMAGE];
  run('podman', words, options);
  return archive;
}

/** One for each controller with version 1 of cgroups, or one. Ends this process if there are pods of others in them. */
function removePodCgroups() {
  const parents = [CGROUPS, ...subdirectories(CGROUPS)];
  const own = parents.map((parent) => join(parent, POD_CGROUP)).filter((path) => existsSync(path));
  try {
    own.forEach(removeCgroup);
  } catch (error) {
    console.error(`${error.path} cannot be removed (${error.code}): another kubelet runs here`);
    process.exit(1);
  }
}

function removeCgroup(path) {
  subdirectories(path).forEach(removeCgroup);
  rmdirSync(path);
}

function subdirectories(path) {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(path, name));
}
