import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  type CudaMachine,
  cudaProblems,
  oldDriver,
  readCudaState,
} from '../../../../src/backends/onnx/cuda-machine.ts';
import { CUDA_LIBRARIES } from '../../../../src/backends/onnx/cuda-natives.ts';

const LIBRARIES = CUDA_LIBRARIES.map((name) => `/natives/lib/${name}`);
const DRIVER = '/usr/lib/x86_64-linux-gnu/libcuda.so.1';
const COMPLETE = [...LIBRARIES, DRIVER, '/dev/nvidiactl'];
const TWO_GPUS = {
  '/proc/driver/nvidia/gpus': ['0000:01:00.0', '0000:02:00.0'],
  '/dev': ['null', 'nvidia0', 'nvidia1'],
};

interface Files {
  readonly paths?: readonly string[];
  readonly directories?: Readonly<Record<string, readonly string[]>>;
  readonly texts?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly platform?: string;
}

function machine({
  paths = COMPLETE,
  directories = TWO_GPUS,
  texts = {},
  environment = {},
  platform,
}: Files): CudaMachine {
  return {
    platform: platform ?? 'linux-x64',
    libraries: '/natives/lib',
    environment,
    exists: (path) => paths.includes(path),
    list: (directory) => directories[directory] ?? [],
    read: (path) => texts[path],
  };
}

const state = (files: Files = {}) => readCudaState(machine(files));

it('CUDA can be used where libraries, driver and devices are', () => {
  const version = 'NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 07:18:52 UTC 2026\n';
  assert.deepEqual(state({ texts: { '/proc/driver/nvidia/version': version } }), {
    libraries: '/natives/lib',
    driver: DRIVER,
    driverVersion: '580.65.06',
    devices: 2,
    problems: [],
  });
  const open = 'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.14  Release Build\n';
  const old = state({ texts: { '/proc/driver/nvidia/version': open } });
  assert.equal(oldDriver(old), 'the NVIDIA driver is 550.54.14, and CUDA 13 wants 580 or later');
  assert.equal(oldDriver(state()), undefined);
});

it('what is missing for CUDA is named, all at once', () => {
  assert.deepEqual(state({ paths: [], directories: {} }).problems, [
    'its libraries are not on this machine (there is no "/natives/lib"): run pillion natives cuda',
    'no NVIDIA driver on this machine (libcuda.so.1 was not found; /dev/nvidiactl is missing)',
  ]);
  const without = (name: string) => state({ paths: COMPLETE.filter((path) => !path.endsWith(name)) }).problems;
  assert.deepEqual(without('libcudnn.so.9'), ['libcudnn.so.9 missing in "/natives/lib": run pillion natives cuda']);
  assert.deepEqual(without('nvidiactl'), ['the NVIDIA driver is incomplete here (/dev/nvidiactl is missing)']);
  assert.deepEqual(without('libcuda.so.1'), ['the NVIDIA driver is incomplete here (libcuda.so.1 was not found)']);
  assert.deepEqual(state({ platform: 'darwin-arm64' }).problems, [
    'its libraries are for linux-x64, and this is darwin-arm64',
  ]);
});

it('the driver is found where the loader looks', () => {
  const driverAt = (path: string, more: Omit<Files, 'paths'> = {}) => state({ paths: [path], ...more }).driver;
  const cache = 'libcuda.so.1\0/opt/nvidia/lib/libcuda.so.1\0libcuda.so\0/opt/nvidia/lib/libcuda.so\0';
  const texts = { '/etc/ld.so.cache': cache };
  assert.equal(driverAt('/opt/nvidia/lib/libcuda.so.1', { texts }), '/opt/nvidia/lib/libcuda.so.1');
  const environment = { LD_LIBRARY_PATH: '/a:/b' };
  assert.equal(driverAt('/b/libcuda.so.1', { environment }), '/b/libcuda.so.1');
  assert.equal(driverAt('/elsewhere/libcuda.so.1'), undefined);
});

it('devices are counted, as far as CUDA_VISIBLE_DEVICES shows them', () => {
  const visible = (value: string) => state({ environment: { CUDA_VISIBLE_DEVICES: value } });
  for (const [value, devices] of [
    ['1', 1],
    ['1,0', 2],
    ['0,-1,1', 1],
    ['0,7', 1],
    ['GPU-8932f937,MIG-1', 2],
    ['', 0],
  ] as const) {
    assert.equal(visible(value).devices, devices, value);
  }
  assert.deepEqual(visible('').problems, ['CUDA_VISIBLE_DEVICES="" shows no device']);
  assert.deepEqual(cudaProblems(state(), 1), []);
  assert.deepEqual(cudaProblems(state(), 3), ['there is no device 3: this machine has 2, counted from 0']);
  assert.deepEqual(cudaProblems(state({ directories: {} }), 3), []);
});
