/** The recipe of `pillion natives cuda` fits what package-lock.json installs, without fetching anything. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { CUDA_LIBRARIES, CUDA_NATIVES } from '../../../../src/backends/onnx/cuda-natives.ts';
import { prepareCudaNatives } from '../../../../src/backends/onnx/prepare-cuda.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const lines = readFileSync('scripts/natives/cuda/requirements.txt', 'utf8').trim().split('\n');
const wheels = lines.filter((line) => !line.startsWith('#'));

it('ONNX Runtime’s wheel has the version of onnxruntime-node, and so has the folder', () => {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  const { version } = packages['node_modules/onnxruntime-node'];
  const [, pinned] = /^onnxruntime_gpu==(\S+) /m.exec(wheels.join('\n')) ?? [];
  assert.equal(pinned, version, 'pin the wheel of that version, and the CUDA that it was built with');
  assert.ok(CUDA_NATIVES.startsWith(`cuda-onnxruntime-${version}-`), CUDA_NATIVES);
});

it('each wheel is pinned by version and hash', () => {
  assert.equal(wheels.length, 9);
  for (const line of wheels) {
    assert.match(line, /^\w+==[\d.]+ --hash=sha256:[0-9a-f]{64}(?: # \d+ MB)?$/);
    assert.equal(/ MB$/.test(line), !line.startsWith('pip=='), line);
  }
});

it('a folder that is there is taken as it is; its name is that of the recipe', (t) => {
  const parent = tempDirectory(t);
  mkdirSync(join(parent, CUDA_NATIVES));
  const told: string[] = [];
  assert.equal(
    prepareCudaNatives((text) => told.push(text), parent),
    join(parent, CUDA_NATIVES),
  );
  assert.deepEqual(told, []);
});

it('the libraries are taken out of wheels under the names by which they are loaded', (t) => {
  const directory = tempDirectory(t);
  const files = [
    'onnxruntime/capi/libonnxruntime.so.1.30.0',
    'onnxruntime/capi/libonnxruntime_providers_cuda.so',
    'onnxruntime/capi/libonnxruntime_providers_shared.so',
    'onnxruntime/capi/libonnxruntime_providers_tensorrt.so',
    ...['cudart', 'cublas', 'cublasLt', 'nvblas'].map((name) => `nvidia/cu13/lib/lib${name}.so.13`),
    ...['curand.so.10', 'cufft.so.12', 'cufftw.so.12'].map((name) => `nvidia/cu13/lib/lib${name}`),
    ...['nvrtc.so.13', 'nvrtc.alt.so.13', 'nvrtc-builtins.so.13.0'].map((name) => `nvidia/cu13/lib/lib${name}`),
    ...['cudnn.so.9', 'cudnn_ops.so.9'].map((name) => `nvidia/cudnn/lib/lib${name}`),
  ];
  const wheel = join(directory, 'w.whl');
  const write = `import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], "w") as z:\n  [z.writestr(n, n) for n in sys.argv[2:]]`;
  execFileSync('python3', ['-c', write, wheel, ...files]);
  execFileSync('python3', ['scripts/natives/cuda/unpack.py', wheel, join(directory, 'lib')]);
  const found = readdirSync(join(directory, 'lib'));
  for (const name of [...CUDA_LIBRARIES, 'libcudnn_ops.so.9', 'libnvrtc-builtins.so.13.0']) {
    assert.ok(found.includes(name), `${name} in ${found}`);
  }
  for (const name of ['libnvblas.so.13', 'libnvrtc.alt.so.13', 'libcufftw.so.12', 'libonnxruntime.so.1.30.0']) {
    assert.ok(!existsSync(join(directory, 'lib', name)), name);
  }
  assert.equal(
    readFileSync(join(directory, 'lib', 'libonnxruntime.so.1'), 'utf8'),
    'onnxruntime/capi/libonnxruntime.so.1.30.0',
  );
  const other = ['-c', write, wheel, 'onnxruntime/__init__.py'];
  execFileSync('python3', other);
  assert.throws(() =>
    execFileSync('python3', ['scripts/natives/cuda/unpack.py', wheel, directory], { stdio: 'ignore' }),
  );
});
