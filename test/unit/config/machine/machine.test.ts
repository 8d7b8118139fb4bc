import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeMachine, type MachineSources, readMachine } from '../../../../src/config/machine/machine.ts';

const GIB = 2 ** 30;

/** A machine whose files are these, by path. */
function machine(files: Record<string, string> = {}, changes: Partial<MachineSources> = {}) {
  return readMachine({
    readFile: (path) => files[path],
    affinityCores: 8,
    totalMemoryBytes: 16 * GIB,
    nodeVersion: 'v20.19.0',
    arch: 'x64',
    ...changes,
  });
}

const V2 = { '/proc/self/cgroup': '0::/kubepods/pod7/main\n' };
const POD = '/sys/fs/cgroup/kubepods/pod7';

describe('the cores to plan for', () => {
  it('are all in the affinity mask where there is no cgroup', () => {
    const { cores, quotaCores, budgetCores } = machine();
    assert.deepEqual({ cores, quotaCores, budgetCores }, { cores: 8, quotaCores: undefined, budgetCores: 8 });
  });

  const quotas: readonly (readonly [cpuMax: string, quota: number | undefined, budget: number])[] = [
    ['max 100000\n', undefined, 8],
    ['400000 100000\n', 4, 4],
    ['150000 100000\n', 1.5, 1],
    ['50000 100000\n', 0.5, 1],
    ['299999 100000\n', 2.99999, 2],
    ['6400000 100000\n', 64, 8],
    ['', undefined, 8],
    ['garbage', undefined, 8],
    ['100000 0', undefined, 8],
    ['100000', undefined, 8],
  ];
  for (const [cpuMax, quota, budget] of quotas) {
    it(`cpu.max ${JSON.stringify(cpuMax)}: ${budget}`, () => {
      const { quotaCores, budgetCores } = machine({ ...V2, [`${POD}/main/cpu.max`]: cpuMax });
      assert.deepEqual([quotaCores, budgetCores], [quota, budget]);
    });
  }

  it('follow the tightest group from ours to the root', () => {
    const files = {
      ...V2,
      [`${POD}/main/cpu.max`]: 'max 100000',
      [`${POD}/cpu.max`]: '200000 100000',
      '/sys/fs/cgroup/kubepods/cpu.max': '600000 100000',
    };
    assert.equal(machine(files).budgetCores, 2);
  });

  it('follow the mount root where our path is not under it, as inside a container', () => {
    assert.equal(machine({ ...V2, '/sys/fs/cgroup/cpu.max': '300000 100000' }).budgetCores, 3);
    const outside = { '/proc/self/cgroup': '0::/../../other\n', '/sys/fs/cgroup/cpu.max': '300000 100000' };
    assert.equal(machine(outside).budgetCores, 3);
  });

  const v1 = '12:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n';
  for (const mount of ['cpu', 'cpu,cpuacct']) {
    it(`follow a version 1 quota mounted at ${mount}`, () => {
      const directory = `/sys/fs/cgroup/${mount}/docker/abc`;
      const files = {
        '/proc/self/cgroup': v1,
        [`${directory}/cpu.cfs_quota_us`]: '250000\n',
        [`${directory}/cpu.cfs_period_us`]: '100000\n',
        [`/sys/fs/cgroup/${mount}/cpu.cfs_quota_us`]: '-1\n',
        [`/sys/fs/cgroup/${mount}/cpu.cfs_period_us`]: '100000\n',
      };
      const { quotaCores, budgetCores } = machine(files);
      assert.deepEqual([quotaCores, budgetCores], [2.5, 2]);
    });
  }

  it('are at least one, whatever the system says', () => {
    assert.equal(machine({}, { affinityCores: 0 }).budgetCores, 1);
  });
});

describe('the memory limit', () => {
  const limits: readonly (readonly [memoryMax: string, expected: number | undefined])[] = [
    ['max\n', undefined],
    ['1073741824\n', GIB],
    [`${64 * GIB}\n`, undefined],
    ['0\n', undefined],
    ['garbage', undefined],
  ];
  for (const [memoryMax, expected] of limits) {
    it(`memory.max ${JSON.stringify(memoryMax)}: ${expected}`, () => {
      assert.equal(machine({ ...V2, [`${POD}/memory.max`]: memoryMax }).memoryLimitBytes, expected);
    });
  }

  it('is the tightest from our group to the root', () => {
    const files = { ...V2, [`${POD}/main/memory.max`]: `${4 * GIB}`, [`${POD}/memory.max`]: `${2 * GIB}` };
    assert.equal(machine(files).memoryLimitBytes, 2 * GIB);
  });

  it('is read of version 1 too, where a number near 2^63 is none', () => {
    const group = { '/proc/self/cgroup': '4:memory:/docker/abc\n0::/\n' };
    const file = '/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes';
    assert.equal(machine({ ...group, [file]: `${GIB}\n` }).memoryLimitBytes, GIB);
    assert.equal(machine({ ...group, [file]: '9223372036854771712\n' }).memoryLimitBytes, undefined);
    const huge = { totalMemoryBytes: 2 ** 62 };
    assert.equal(machine({ ...group, [file]: '9223372036854771712\n' }, huge).memoryLimitBytes, undefined);
  });
});

describe('the processor', () => {
  it('is told by its name and the vector sets that matter', () => {
    const files = {
      '/proc/cpuinfo':
        'processor\t: 0\nmodel name\t: Intel(R) Xeon(R) 8488C\nflags\t\t: fpu sse sse4_2 avx avx2 fma avx512f avx512_vnni amx_tile\n',
    };
    const { cpuModel, simd } = machine(files);
    assert.equal(cpuModel, 'Intel(R) Xeon(R) 8488C');
    assert.deepEqual(simd, ['sse4_2', 'avx', 'avx2', 'fma', 'avx512f', 'avx512_vnni', 'amx_tile']);
  });

  it('may be an Arm one, which has Features and no model name', () => {
    const files = {
      '/proc/cpuinfo': 'processor\t: 0\nFeatures\t: fp asimd aes asimddp sve\nCPU implementer\t: 0x41\n',
    };
    const { cpuModel, simd } = machine(files, { arch: 'arm64' });
    assert.equal(cpuModel, '');
    assert.deepEqual(simd, ['asimd', 'asimddp', 'sve']);
  });

  it('does not count a set whose name only starts alike', () => {
    assert.deepEqual(machine({ '/proc/cpuinfo': 'flags : avx512_vnni2 favx avx\n' }).simd, ['avx']);
  });
});

it('the start line names every fact, and says where there is no limit', () => {
  assert.deepEqual(describeMachine(machine()), {
    cpu: 'unknown',
    arch: 'x64',
    cores: 8,
    quota_cores: 'none',
    budget_cores: 8,
    memory_limit_mib: 'none',
    total_memory_mib: 16384,
    simd: 'unknown',
    node: 'v20.19.0',
  });
  const limited = machine({ ...V2, [`${POD}/memory.max`]: `${GIB}`, [`${POD}/cpu.max`]: '150000 100000' });
  const { quota_cores, memory_limit_mib } = describeMachine(limited);
  assert.deepEqual([quota_cores, memory_limit_mib], [1.5, 1024]);
});

it('this very machine can be read', () => {
  const here = readMachine();
  assert.ok(here.budgetCores >= 1 && here.budgetCores <= here.cores);
  assert.ok(here.totalMemoryBytes > 0);
  assert.match(here.nodeVersion, /^v\d+\./);
});

describe('alone in its control group', () => {
  const own = { '/proc/self/cgroup': '0::/\n', '/proc/7/status': 'Name:\tnode\nPPid:\t1\n' };
  const started = { ...own, '/proc/1/status': 'Name:\ttini\nPPid:\t0\n' };
  const group = '/sys/fs/cgroup/cgroup.procs';
  const cases: readonly (readonly [what: string, isAlone: boolean, files: Record<string, string>])[] = [
    ['nobody else is there', true, { ...started, [group]: '7\n' }],
    ['only what started it is there', true, { ...started, [group]: '1\n7\n' }],
    ['somebody else is there', false, { ...started, [group]: '1\n7\n8\n' }],
    ['somebody outside this namespace is there', false, { ...started, [group]: '0\n7\n' }],
    ['the kernel does not show the group', false, started],
    [
      'it is alone in a group below',
      true,
      { ...started, ...V2, [`${POD}/main/cgroup.procs`]: '7\n', [group]: '3\n7\n' },
    ],
    [
      'the group that divides cores is of version 1',
      false,
      {
        ...started,
        '/proc/self/cgroup': '4:cpu,cpuacct:/\n0::/alone\n',
        '/sys/fs/cgroup/cpu/cgroup.procs': '3\n7\n',
        '/sys/fs/cgroup/alone/cgroup.procs': '7\n',
      },
    ],
  ];
  for (const [what, isAlone, files] of cases) {
    it(`${isAlone ? 'holds' : 'does not hold'} where ${what}`, () => {
      assert.equal(machine(files, { pid: 7 }).isAloneInGroup, isAlone);
    });
  }
});
