/**
 * Reads from files what this machine has for CUDA: nothing is loaded, so the server's own process can ask, too.
 *
 *   libraries   `pillion natives cuda`
 *   driver      libcuda.so.1 and /dev/nvidiactl: NVIDIA's, of the machine or of its container runtime
 *   devices     /proc/driver/nvidia/gpus, limited by CUDA_VISIBLE_DEVICES
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { CUDA_LIBRARIES, cudaLibraryDirectory } from './cuda-natives.ts';

/** The files and settings that are looked at. */
export interface CudaMachine {
  /** "linux-x64". */
  readonly platform: string;
  /** The directory where the libraries should be. */
  readonly libraries: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  exists(path: string): boolean;
  /** A directory's names; [] if it cannot be read. */
  list(directory: string): readonly string[];
  /** A file's bytes as latin1; undefined if it cannot be read. */
  read(path: string): string | undefined;
}

/** The parts of CUDA that are there. */
export interface CudaState {
  /** The directory of the libraries if all are there. */
  readonly libraries: string | undefined;
  /** The path of libcuda.so.1. */
  readonly driver: string | undefined;
  /** The driver's version, such as "580.65.06", if the kernel tells it. */
  readonly driverVersion: string | undefined;
  /** Number of devices; undefined if it is not known. */
  readonly devices: number | undefined;
  /** Why CUDA cannot be used: one clause each. */
  readonly problems: readonly string[];
}

/** The driver of CUDA 13.0. An older one may do with NVIDIA's forward compatibility package, so it is not refused. */
const LEAST_DRIVER = 580;
const DRIVER_LIBRARY = 'libcuda.so.1';
const DRIVER_DEVICE = '/dev/nvidiactl';
const LIBRARY_DIRECTORIES = [
  ...['/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu', '/lib64', '/usr/lib64', '/lib', '/usr/lib'],
  ...['/usr/local/lib', '/usr/local/nvidia/lib64', '/usr/local/nvidia/lib'],
];

const THIS_MACHINE: Omit<CudaMachine, 'libraries' | 'environment'> = {
  platform: `${process.platform}-${process.arch}`,
  exists: existsSync,
  list: (directory) => tried(() => readdirSync(directory)) ?? [],
  read: (path) => tried(() => readFileSync(path, 'latin1')),
};

/** Looks anew each time: a driver may be installed while the server runs. */
export function readCudaState(
  machine: CudaMachine = { ...THIS_MACHINE, libraries: cudaLibraryDirectory(), environment: process.env },
): CudaState {
  const missing = CUDA_LIBRARIES.filter((name) => !machine.exists(join(machine.libraries, name)));
  const driver = findDriver(machine);
  const devices = countDevices(machine);
  const driverVersion = /Module\s+(?:for \S+\s+)?([0-9]+(?:\.[0-9]+)+)/.exec(
    machine.read('/proc/driver/nvidia/version') ?? '',
  )?.[1];
  return {
    libraries: missing.length === 0 ? machine.libraries : undefined,
    driver,
    driverVersion,
    devices,
    problems: [
      ...platformProblem(machine.platform),
      ...libraryProblem(machine, missing),
      ...driverProblem(machine, driver),
      ...(devices === 0 && driver !== undefined ? [noDevice(machine)] : []),
    ],
  };
}

/** The state's problems, and that of a device that is not there. */
export function cudaProblems({ problems, devices }: CudaState, device: number): readonly string[] {
  if (problems.length > 0 || devices === undefined || device < devices) return problems;
  return [`there is no device ${device}: this machine has ${devices}, counted from 0`];
}

/** A clause about a driver that may be too old; undefined = none. */
export function oldDriver({ driverVersion }: Pick<CudaState, 'driverVersion'>): string | undefined {
  if (driverVersion === undefined || Number.parseInt(driverVersion, 10) >= LEAST_DRIVER) return undefined;
  return `the NVIDIA driver is ${driverVersion}, and CUDA 13 wants ${LEAST_DRIVER} or later`;
}

function platformProblem(platform: string): readonly string[] {
  return platform === 'linux-x64' ? [] : [`its libraries are for linux-x64, and this is ${platform}`];
}

function libraryProblem({ libraries }: CudaMachine, missing: readonly string[]): readonly string[] {
  if (missing.length === 0) return [];
  const text =
    missing.length === CUDA_LIBRARIES.length
      ? `its libraries are not on this machine (there is no "${libraries}")`
      : `${missing.join(', ')} missing in "${libraries}"`;
  return [`${text}: run pillion natives cuda`];
}

/** Each part that is missing is named: a container without the toolkit's settings lacks the library, the device, or both. */
function driverProblem({ exists }: CudaMachine, driver: string | undefined): readonly string[] {
  const parts = [
    ...(driver === undefined ? [`${DRIVER_LIBRARY} was not found`] : []),
    ...(exists(DRIVER_DEVICE) ? [] : [`${DRIVER_DEVICE} is missing`]),
  ];
  if (parts.length === 0) return [];
  const what = parts.length === 2 ? 'no NVIDIA driver on this machine' : 'the NVIDIA driver is incomplete here';
  return [`${what} (${parts.join('; ')})`];
}

function noDevice({ environment }: CudaMachine): string {
  const visible = environment['CUDA_VISIBLE_DEVICES'];
  return visible === undefined
    ? 'the NVIDIA driver has no device'
    : `CUDA_VISIBLE_DEVICES="${visible}" shows no device`;
}

/** The driver where the loader would look: LD_LIBRARY_PATH, its cache, and the usual directories. */
function findDriver({ exists, read, environment }: CudaMachine): string | undefined {
  const named = (environment['LD_LIBRARY_PATH'] ?? '').split(':').filter((path) => path !== '');
  const cached = (read('/etc/ld.so.cache') ?? '').match(/\/[^\0]*\/libcuda\.so\.1(?=\0)/g) ?? [];
  const paths = [...named, ...LIBRARY_DIRECTORIES].map((directory) => join(directory, DRIVER_LIBRARY));
  return [...paths.slice(0, named.length), ...cached, ...paths.slice(named.length)].find(exists);
}

/** CUDA takes the entries of CUDA_VISIBLE_DEVICES up to the first that names no device. */
function countDevices({ list, environment }: CudaMachine): number | undefined {
  const inKernel = list('/proc/driver/nvidia/gpus').length;
  const nodes = list('/dev').filter((name) => /^nvidia\d+$/.test(name)).length;
  const present = inKernel || nodes || undefined;
  const visible = environment['CUDA_VISIBLE_DEVICES'];
  if (visible === undefined) return present;
  const entries = visible.split(',').map((entry) => entry.trim());
  const end = entries.findIndex((entry) => !isDevice(entry, present));
  return end === -1 ? entries.length : end;
}

/** An index, or the identifier of a GPU or of a part of one (MIG). */
function isDevice(entry: string, present = Infinity): boolean {
  return /^\d+$/.test(entry) ? Number(entry) < present : /^(GPU|MIG)-/.test(entry);
}

function tried<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
