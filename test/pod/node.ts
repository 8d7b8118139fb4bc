/**
 * A real Kubernetes node with its control plane: API server, controllers, scheduler, containerd and kubelet, in the
 * namespaces that `npm test -- pod` makes. A bridge is the pods' network. There is no Service proxy and no DNS.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type ApiServer, startApiServer } from '../deploy/api-server.ts';
import { programPath } from '../deploy/manifests.ts';

const run = promisify(execFile);

export const DIRECTORY = process.env['PILLION_TEST_POD_DIRECTORY']!;
export const POD_LOGS = join(DIRECTORY, 'logs');
const SOCKET = join(DIRECTORY, 'containerd.sock');
const LOOK_MS = 200;
const PATIENCE_MS = 120_000;
/** Those of what is applied here. */
const CONTROLLERS = [
  ...['deployment', 'replicaset', 'job', 'endpointslice', 'persistentvolume-binder', 'node-lifecycle'],
  'garbage-collector',
].map((name) => `${name}-controller`);
/** What the kubelet would set on the machine otherwise: it finds them set. */
const SYSCTLS = { 'vm/overcommit_memory': 1, 'vm/panic_on_oom': 0, 'kernel/panic': 10, 'kernel/panic_on_oops': 1 };

/** Lists that are sent as changes need a newer etcd than Debian's. */
const NO_WATCH_LISTS = { KUBE_FEATURE_WatchListClient: 'false' };

export interface Node {
  readonly api: ApiServer;
  /** Sends a signal to the container's first process; `id` is as in a pod's status. */
  kill(id: string, signal: string): Promise<void>;
  close(): Promise<void>;
}

export async function startNode(): Promise<Node> {
  rmSync(DIRECTORY, { recursive: true, force: true });
  mkdirSync(join(DIRECTORY, 'cni'), { recursive: true });
  shieldMachine();
  const containerd = start('CONTAINERD', [`--config=${write('containerd.toml', containerdConfig())}`]);
  write('cni/pods.conflist', JSON.stringify(network()));
  const api = await startApiServer();
  const account = `--kubeconfig=${api.kubeconfig}`;
  const own = [account, '--leader-elect=false', '--bind-address=127.0.0.1', `--cert-dir=${join(DIRECTORY, 'certs')}`];
  const children = [
    start('CONTROLLERS', [...own, `--controllers=${CONTROLLERS.join(',')}`]),
    start('SCHEDULER', own),
    start('KUBELET', [
      ...[account, `--config=${write('kubelet.json', JSON.stringify(kubeletConfig()))}`, '--hostname-override=node'],
      ...[`--root-dir=${join(DIRECTORY, 'kubelet')}`, `--cert-dir=${join(DIRECTORY, 'kubelet-certs')}`, '--v=2'],
    ]),
    containerd,
  ];
  await importImages();
  const isReady = (): boolean =>
    /condition met/.test(api.kubectl(['wait', 'node/node', '--for=condition=Ready']).output);
  const started = performance.now();
  while (!isReady()) {
    if (performance.now() - started > PATIENCE_MS) throw new Error(`the node is not ready:\n${logOf('KUBELET')}`);
    await pause(LOOK_MS);
  }
  const kill = async (id: string, signal: string): Promise<void> => {
    await ctr('tasks', 'kill', `--signal=${signal}`, id.replace('containerd://', ''));
  };
  const close = async (): Promise<void> => {
    for (const child of children) await end(child);
    await api.close();
  };
  return { api, kill, close };
}

function shieldMachine(): void {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  for (const [name, value] of Object.entries(SYSCTLS)) {
    const file = write(name.replace('/', '.'), `${value}\n`);
    execFileSync('mount', ['--bind', file, `/proc/sys/${name}`]);
  }
}

function write(name: string, text: string): string {
  const file = join(DIRECTORY, name);
  writeFileSync(file, text);
  return file;
}

function start(name: string, args: readonly string[]): ChildProcess {
  const log = openSync(join(DIRECTORY, `${name}.log`), 'w');
  return spawn(programPath(name), args, { stdio: ['ignore', log, log], env: { ...process.env, ...NO_WATCH_LISTS } });
}

/** The end of what it wrote. */
export function logOf(name: string): string {
  return readFileSync(join(DIRECTORY, `${name}.log`), 'utf8').slice(-4000);
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.kill('SIGKILL');
  return ended;
}

async function ctr(...args: readonly string[]): Promise<string> {
  const { stdout } = await run(programPath('CTR'), [`--address=${SOCKET}`, '--namespace=k8s.io', ...args]);
  return stdout;
}

async function importImages(): Promise<void> {
  const started = performance.now();
  for (;;) {
    try {
      await ctr('version');
      break;
    } catch (error) {
      if (performance.now() - started > PATIENCE_MS) throw error;
      await pause(LOOK_MS);
    }
  }
  await ctr('images', 'import', process.env['PILLION_TEST_POD_IMAGES']!);
}

function containerdConfig(): string {
  return `version = 2
root = "${DIRECTORY}/containerd"
state = "${DIRECTORY}/containerd-state"
[grpc]
  address = "${SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${process.env['PILLION_TEST_PAUSE_IMAGE']}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${process.env['PILLION_TEST_CNI']}"
    conf_dir = "${DIRECTORY}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
`;
}

function network(): object {
  const ipam = { type: 'host-local', dataDir: join(DIRECTORY, 'addresses'), ranges: [[{ subnet: '10.88.0.0/24' }]] };
  const bridge = { type: 'bridge', bridge: 'pods', isGateway: true, ipam };
  return { cniVersion: '0.4.0', name: 'pods', plugins: [bridge] };
}

function kubeletConfig(): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: '127.0.0.1',
    healthzPort: 0,
    authentication: { anonymous: { enabled: false }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    cgroupDriver: 'cgroupfs',
    failCgroupV1: false,
    failSwapOn: false,
    enforceNodeAllocatable: [],
    makeIPTablesUtilChains: false,
    oomScoreAdj: 0,
    containerRuntimeEndpoint: `unix://${SOCKET}`,
    // The machine's disk may be as full as it is.
    evictionHard: { 'memory.available': '1Mi' },
    imageGCHighThresholdPercent: 100,
    localStorageCapacityIsolation: false,
    podLogsDir: POD_LOGS,
    resolvConf: '/dev/null',
    maxPods: 20,
  };
}
