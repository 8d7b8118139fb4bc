/**
 * `pillion natives cuda`: the libraries with which ONNX Runtime computes on NVIDIA's GPUs. Wheel by wheel of
 * scripts/natives/cuda/requirements.txt: it is fetched, its hash is checked, its libraries are taken out, and it is
 * deleted. A command that was interrupted goes on with the wheel that it was at.
 *
 * No GPU and no driver is needed: an image can be made anywhere.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import {
  checkName,
  doSteps,
  download,
  fetchPip,
  missingDisk,
  missingPip,
  prepareOnce,
  recipeFile,
  refuseWhat,
  run,
  type Step,
  type Tell,
  unsupportedPlatform,
  wheelOf,
} from '../native-steps.ts';
import { nativesDirectory } from '../natives-directory.ts';
import { CUDA_LIBRARIES, CUDA_NATIVES } from './cuda-natives.ts';

const RECIPE = 'cuda';
/** Words of the texts: whose libraries they are, and which constant names them. */
const NATIVES = {
  recipe: RECIPE,
  what: "CUDA's libraries",
  constant: 'CUDA_NATIVES in src/backends/onnx/cuda-natives.ts',
};
/** The choice of wheels: those of this Python's ABI hold the same libraries as all others. */
const FOR_WHEEL = [
  ...['--python-version=312', '--implementation=cp', '--abi=cp312', '--abi=none'],
  ...['manylinux2010_x86_64', 'manylinux2014_x86_64', 'manylinux_2_27_x86_64', 'manylinux_2_28_x86_64'].map(
    (platform) => `--platform=${platform}`,
  ),
];
/** The libraries, and the largest wheel while it is taken apart. */
const NEEDED_BYTES = 3e9;

/** The folder of the natives, made if it is not there. Throws an Error with all that is missing if it cannot be. */
export function prepareCudaNatives(tell: Tell, parent = nativesDirectory()): string {
  checkName(NATIVES, CUDA_NATIVES);
  return prepareOnce(parent, CUDA_NATIVES, tell, (unfinished) => {
    refuseWhat(NATIVES.what, [unsupportedPlatform(), missingPip(), missingDisk(unfinished, NEEDED_BYTES)]);
    const megabytes = wheels().reduce((sum, [, each]) => sum + each, 0);
    tell(`Preparing CUDA's libraries in ${parent} (fetches ${megabytes} MB, takes 2.4 GB; some minutes)`);
    tell("NVIDIA's libraries are under NVIDIA's own licences, which are in their packages on pypi.org");
    doSteps(unfinished, steps(), tell);
  });
}

/** The wheels of the recipe, and their sizes in MB. */
function wheels(): readonly (readonly [name: string, megabytes: number])[] {
  const lines = readFileSync(recipeFile(RECIPE, 'requirements.txt'), 'utf8').matchAll(/^(\w+)==.* # (\d+) MB$/gm);
  return [...lines].map(([, name, megabytes]) => [name!, Number(megabytes)]);
}

const steps = (): readonly Step[] => [
  { name: 'pip', title: 'a pip that goes on after a broken connection', action: (to) => fetchPip(RECIPE, to) },
  ...wheels().map(
    ([name, megabytes]): Step => ({
      name,
      title: `${name.replaceAll('_', '-')}, ${megabytes} MB`,
      action: (directory) => takeLibraries(directory, name),
    }),
  ),
  { name: 'load', title: 'loading ONNX Runtime once, as a process of a model does', action: loadRuntime },
];

function takeLibraries(directory: string, name: string): void {
  download(RECIPE, directory, name, FOR_WHEEL);
  const wheel = wheelOf(directory, name);
  run('python3', [recipeFile(RECIPE, 'unpack.py'), wheel, join(directory, 'lib')]);
  rmSync(wheel);
  rmSync(join(directory, `${name}.txt`));
}

/** The provider itself cannot be loaded where there is no driver. */
function loadRuntime(directory: string): void {
  for (const file of [wheelOf(directory, 'pip'), join(directory, 'pip.txt')]) rmSync(file);
  const lib = join(directory, 'lib');
  const missing = CUDA_LIBRARIES.filter((name) => !existsSync(join(lib, name)));
  if (missing.length > 0) throw new Error(`the wheels have no ${missing.join(', ')}`);
  const code = `
    require(process.argv[1]).listSupportedBackends();
    const maps = require('fs').readFileSync('/proc/self/maps', 'utf8');
    if (!maps.includes(process.argv[2])) throw new Error('ONNX Runtime was loaded from elsewhere');`;
  const runtime = join(dirname(new URL(import.meta.resolve('onnxruntime-node')).pathname), 'index.js');
  const env = { ...process.env, LD_LIBRARY_PATH: lib, ORT_DISABLE_TELEMETRY: '1' };
  run(process.execPath, ['-e', code, runtime, join(lib, 'libonnxruntime.so.1')], { env });
}
