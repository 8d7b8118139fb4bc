/** A real Kubernetes API server with its etcd, on free ports of this machine, without a node: nothing is ever run. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Answer, programPath, runProgram } from './manifests.ts';

/** Between two looks at whether it is ready. It has no way to wait for that. */
const LOOK_MS = 200;
/** On a busy machine it takes 20 s. */
const PATIENCE_MS = 150_000;
const TOKEN = 'token-of-the-test';

export interface ApiServer {
  /** A file for KUBECONFIG. */
  readonly kubeconfig: string;
  kubectl(args: readonly string[], input?: string): Answer;
  close(): Promise<void>;
}

export async function startApiServer(): Promise<ApiServer> {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-apiserver-'));
  const [client, peer, port] = await freePorts(3);
  const etcd = start('ETCD', etcdArgs(directory, client!, peer!), join(directory, 'etcd.log'));
  const server = start('APISERVER', serverArgs(directory, client!, port!), join(directory, 'apiserver.log'));
  const kubeconfig = join(directory, 'kubeconfig');
  writeFileSync(kubeconfig, kubeconfigOf(port!));
  const kubectl = (args: readonly string[], input = ''): Answer =>
    runProgram('KUBECTL', args, input, { KUBECONFIG: kubeconfig });
  const close = async (): Promise<void> => {
    // The API server first, and hard: without its etcd it does not end.
    await end(server);
    await end(etcd);
    rmSync(directory, { recursive: true, force: true });
  };
  const started = performance.now();
  while (kubectl(['get', '--raw=/readyz']).output !== 'ok') {
    if (performance.now() - started > PATIENCE_MS || server.exitCode !== null) {
      const log = readFileSync(join(directory, 'apiserver.log'), 'utf8').slice(-2000);
      await close();
      throw new Error(`the API server is not ready:\n${log}`);
    }
    await pause(LOOK_MS);
  }
  return { kubeconfig, kubectl, close };
}

function start(name: string, args: readonly string[], log: string): ChildProcess {
  const file = openSync(log, 'w');
  return spawn(programPath(name), args, { stdio: ['ignore', file, file] });
}

function end(child: ChildProcess): Promise<void> {
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  if (child.exitCode !== null) return Promise.resolve();
  child.kill('SIGKILL');
  return ended;
}

/** Free at the moment: both programs want to be told theirs. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function etcdArgs(directory: string, client: number, peer: number): string[] {
  const urls = `http://127.0.0.1:${client}`;
  return [
    ...[`--data-dir=${join(directory, 'etcd')}`, '--unsafe-no-fsync', '--log-level=warn'],
    ...[`--listen-client-urls=${urls}`, `--advertise-client-urls=${urls}`],
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
  ];
}

function serverArgs(directory: string, etcd: number, port: number): string[] {
  const key = join(directory, 'service-accounts.key');
  execFileSync('openssl', ['genrsa', '-out', key, '2048'], { stdio: 'ignore' });
  const tokens = join(directory, 'tokens.csv');
  writeFileSync(tokens, `${TOKEN},admin,1,"system:masters"\n`);
  const certificates = join(directory, 'certificates');
  mkdirSync(certificates);
  return [
    ...[`--etcd-servers=http://127.0.0.1:${etcd}`, `--cert-dir=${certificates}`, `--token-auth-file=${tokens}`],
    ...['--bind-address=127.0.0.1', '--advertise-address=127.0.0.1', `--secure-port=${port}`],
    ...['--endpoint-reconciler-type=none', '--service-cluster-ip-range=10.0.0.0/24', '--authorization-mode=RBAC'],
    ...[`--service-account-key-file=${key}`, `--service-account-signing-key-file=${key}`],
    '--service-account-issuer=https://kubernetes.default.svc',
    // Nobody makes the service accounts of namespaces here.
    '--disable-admission-plugins=ServiceAccount',
  ];
}

function kubeconfigOf(port: number): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: `https://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: TOKEN } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });
}
