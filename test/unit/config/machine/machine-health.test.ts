import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { affinityCores, readerOfProcess, readMachineHealth } from '../../../../src/config/machine/machine-health.ts';

const files =
  (all: Readonly<Record<string, string>>) =>
  (path: string): string | undefined =>
    all[path];

const POD = '/sys/fs/cgroup/kubepods/pod7';

describe('the health of a machine', () => {
  it('is read from the kernel’s files, the limit’s own group among them', () => {
    const health = readMachineHealth(
      files({
        '/proc/self/cgroup': '0::/kubepods/pod7/main\n',
        [`${POD}/main/cpu.stat`]: 'usage_usec 5\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n',
        [`${POD}/cpu.stat`]: 'usage_usec 5\nnr_periods 200\nnr_throttled 50\nthrottled_usec 1500000\n',
        [`${POD}/main/memory.events`]: 'low 0\noom 1\noom_kill 3\n',
        '/proc/pressure/cpu': 'some avg10=1.00 avg60=12.50 avg300=0.00 total=7\nfull avg10=0.00 avg60=0.00\n',
        '/sys/kernel/mm/transparent_hugepage/enabled': 'always [madvise] never\n',
        '/proc/self/status': 'Name:\tnode\nVmSwap:\t     128 kB\nCpus_allowed_list:\t0-3,8\n',
        '/proc/self/limits': 'Limit Soft Hard Units\nMax open files            1024                 4096       files\n',
        '/sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count': '4\n',
      }),
    );
    assert.deepEqual(health, {
      throttling: { periods: 200, throttledPeriods: 50, throttledMs: 1500 },
      cpuPressurePercent: 12.5,
      hugePages: 'madvise',
      oomKills: 3,
      swappedBytes: 128 * 1024,
      openFilesLimit: 1024,
      thermalThrottles: 4,
    });
  });

  it('reads version 1 of cgroups too, whose throttled time is in nanoseconds', () => {
    const { throttling, oomKills } = readMachineHealth(
      files({
        '/proc/self/cgroup': '4:cpu,cpuacct:/box\n5:memory:/box\n',
        '/sys/fs/cgroup/cpu,cpuacct/box/cpu.stat': 'nr_periods 10\nnr_throttled 5\nthrottled_time 2000000000\n',
        '/sys/fs/cgroup/memory/box/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n',
      }),
    );
    assert.deepEqual(throttling, { periods: 10, throttledPeriods: 5, throttledMs: 2000 });
    assert.equal(oomKills, 1);
  });

  it('says nothing of what cannot be read', () => {
    assert.deepEqual(
      readMachineHealth(() => undefined),
      {
        throttling: undefined,
        cpuPressurePercent: undefined,
        hugePages: undefined,
        oomKills: 0,
        swappedBytes: undefined,
        openFilesLimit: undefined,
        thermalThrottles: undefined,
      },
    );
  });

  it('is another process’s where its number is known', () => {
    const read = readerOfProcess(
      42,
      files({ '/proc/42/status': 'Cpus_allowed_list:\t1,4-6\n', '/proc/self/status': 'Cpus_allowed_list:\t0\n' }),
    );
    assert.equal(affinityCores(read), 4);
    assert.equal(affinityCores(files({})), undefined);
  });
});
