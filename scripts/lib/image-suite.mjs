/**
 * Prepares what `npm test -- image` needs: podman with settings that also hold inside of containers, podman-compose,
 * hadolint, the image.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { installDebianPackages } from './debian-program.mjs';
import { ensurePython, root, run } from './setup.mjs';

const PROGRAMS = ['podman', 'buildah', 'runc', 'debootstrap'];
const MOST = 4096;
/** Images and containers of this suite alone; systemd, CNI and journald are not needed. */
const DIRECTORY = join(root, '.cache', 'containers');
const STORAGE = `[storage]
driver = "overlay"
graphroot = "${DIRECTORY}/storage"
runroot = "${DIRECTORY}/run"
`;
const SETTINGS = `[containers]
default_ulimits = [${ownLimits().join(', ')}]
netns = "host"
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
`;

/** Builds the image and returns the environment of its tests. @param {'onnx' | 'tfjs'} target */
export function prepareImage(target) {
  const missing = PROGRAMS.filter((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).error !== undefined);
  if (missing.length > 0) installDebianPackages(missing);
  const image = `localhost/pillion-test:${target}`;
  const env = podmanEnvironment();
  const flags = target === 'tfjs' ? ['--tfjs'] : [];
  const words = [...flags, '--tool=podman', `--tag=${image}`, '--', '--network=host', '--isolation=chroot'];
  run(process.execPath, ['scripts/image.mjs', ...words], { env: { ...process.env, ...env } });
  const programs = dirname(ensurePython('image', 'test/image/requirements.txt'));
  return {
    ...env,
    PILLION_TEST_IMAGE: image,
    PILLION_TEST_HADOLINT: join(programs, 'hadolint'),
    PILLION_TEST_COMPOSE: join(programs, 'podman-compose'),
  };
}

/** Enough here; podman's defaults are above what it may set where it runs in a container itself. */
function ownLimits() {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const limit = (name) => Math.min(Number(new RegExp(`^${name} +\\S+ +(\\d+)`, 'm').exec(limits)?.[1] ?? MOST), MOST);
  return [
    ['nofile', limit('Max open files')],
    ['nproc', limit('Max processes')],
  ].map(([name, value]) => `"${name}=${value}:${value}"`);
}

/** Settings of the caller's own are left as they are. */
function podmanEnvironment() {
  const files = { CONTAINERS_STORAGE_CONF: STORAGE, CONTAINERS_CONF: SETTINGS };
  mkdirSync(DIRECTORY, { recursive: true });
  return Object.fromEntries(
    Object.entries(files).map(([name, text]) => {
      const file = join(DIRECTORY, `${name.toLowerCase()}.toml`);
      writeFileSync(file, text);
      return [name, process.env[name] ?? file];
    }),
  );
}
