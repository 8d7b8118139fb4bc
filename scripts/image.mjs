/**
 * npm run image: the container image, by whichever of podman, buildah and docker is there. deploy/docker/Dockerfile
 * does the work; this finds what it is called with. Docker Hub's image of Node compiles; where it cannot be had, one is
 * made of Debian's and npm's packages.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { ensureBuildImage, ensureNodeImage, NODE_VERSION } from './lib/image-base.mjs';
import { root, run, say } from './lib/setup.mjs';
import { isHelp, refuse } from './lib/words.mjs';

const USAGE = `Usage: npm run image [-- OPTION…] [-- BUILD-OPTION…]

Builds the container image pillion:VERSION. With --tfjs, pillion:VERSION-tfjs, which has TensorFlow's libraries.

  --tfjs              with TensorFlow's libraries: 350 MB are fetched, and the image has 900 MB more
  --cuda              with what \`pillion natives cuda\` fetches; no test builds it
  --tag=NAME          another name
  --tool=NAME         podman, buildah or docker; default: the first that is there
  --base=IMAGE        has Node ${NODE_VERSION} and npm on Debian 13; default: Docker Hub's node:${NODE_VERSION}-trixie-slim, or one
                      that is made here (wants root and debootstrap) where Docker Hub cannot be reached
  --platform=NAME     linux/amd64 or linux/arm64; default: this machine's

Words after a second -- go to the tool's build, such as --network=host.`;

const TOOLS = ['podman', 'buildah', 'docker'];
const HUB = `docker.io/library/node:${NODE_VERSION}-trixie-slim`;
const OPTIONS = ['tfjs', 'cuda', 'tag', 'tool', 'base', 'platform'];
const ARCHITECTURES = { x64: 'amd64', arm64: 'arm64' };

const words = process.argv.slice(2);
const end = words.indexOf('--');
const own = end < 0 ? words : words.slice(0, end);
const more = end < 0 ? [] : words.slice(end + 1);
if (own.some(isHelp)) {
  console.log(USAGE);
  process.exit();
}
const options = Object.fromEntries(own.map(readOption));
const target = options.tfjs ? 'tfjs' : options.cuda ? 'cuda' : 'onnx';
const machine = `linux/${ARCHITECTURES[process.arch]}`;
const platform = options.platform ?? machine;
if (!/^linux\/(amd64|arm64)$/.test(platform)) refuse(`There is no image for ${platform}.`, USAGE);
if (target !== 'onnx' && platform !== machine)
  refuse(`The image "${target}" is built on its own platform only.`, USAGE);
const tool = options.tool ?? TOOLS.find(isThere);
if (!TOOLS.includes(tool) || !isThere(tool)) {
  refuse(tool ? `There is no ${tool} here.` : 'Install podman, buildah or docker first.', USAGE);
}

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const tag = options.tag ?? `localhost/pillion:${version}${target === 'onnx' ? '' : `-${target}`}`;
const arch = platform.split('/')[1];
const isFromHub = options.base === undefined && isHad(HUB);
const isOwn = options.base === undefined && !isFromHub && tool !== 'docker';
const build = options.base ?? (isFromHub ? HUB : ensureBuildImage(tool));
const node = platform === machine || isFromHub || options.base ? build : ensureNodeImage(tool, arch);

say(
  `Building ${tag} for ${platform} with ${tool} (fetches 250 MB of npm packages the first time; two minutes or more)`,
);
run(tool, [
  ...(tool === 'buildah' ? ['bud', '--layers'] : ['build']),
  ...(isOwn ? ['--pull=never'] : []),
  ...['--file', 'deploy/docker/Dockerfile', '--target', target, '--tag', tag],
  ...(platform === machine ? [] : ['--platform', platform]),
  ...Object.entries({ BUILDPLATFORM: machine, BUILD_IMAGE: build, NODE_IMAGE: node, ...labels() }).flatMap(
    ([name, value]) => ['--build-arg', `${name}=${value}`],
  ),
  ...certificates(),
  ...more,
  '.',
]);
say(`${tag} is there; docs/tutorial/docker.md runs it`);

function readOption(word) {
  const [, name, value] = /^--([a-z]+)(?:=(.+))?$/.exec(word) ?? [];
  const isFlag = name === 'tfjs' || name === 'cuda';
  if (!OPTIONS.includes(name) || isFlag === (value !== undefined)) refuse(`There is no option ${word}.`, USAGE);
  return [name, value ?? true];
}

function isThere(name) {
  return spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Here already, or pulled now. */
function isHad(image) {
  const works = (...args) => spawnSync(tool, args, { stdio: 'ignore' }).status === 0;
  if (works('inspect', ...(tool === 'buildah' ? ['--type', 'image'] : []), image)) return true;
  say(`Asking Docker Hub for ${image}`);
  return works('pull', ...(platform === machine ? [] : ['--platform', machine]), image);
}

/** Labels of the commit, its time included, so that the same commit has the same labels. */
function labels() {
  const git = (...args) => {
    try {
      return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      return '';
    }
  };
  const isChanged = git('status', '--porcelain') !== '';
  const commit = git('rev-parse', 'HEAD');
  const time = git('show', '-s', '--format=%ct', 'HEAD');
  const source = process.env['PILLION_IMAGE_SOURCE'];
  return {
    VERSION: version,
    ...(commit && { REVISION: `${commit}${isChanged ? '-changed' : ''}` }),
    ...(time && { CREATED: new Date(time * 1000).toISOString() }),
    ...(source && { SOURCE: source }),
  };
}

/** The certificates that this machine's Node trusts besides its own: npm and pip in the build need them, too. */
function certificates() {
  const file = process.env['NODE_EXTRA_CA_CERTS'];
  return file ? ['--secret', `id=ca,src=${file}`] : [];
}
