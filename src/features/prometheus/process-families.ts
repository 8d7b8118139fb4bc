/**
 * CPU, memory, descriptors, event loop and garbage collection of this process, under the names that Prometheus' users
 * know.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { constants, monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks';
import process from 'node:process';
import { setImmediate } from 'node:timers';
import { getHeapSpaceStatistics } from 'node:v8';
import { GaugeFamily, type HistogramSeries, histogramFamily, type Reading } from '../../ledger/metrics/series.ts';

/** Interval of the event loop's delay samples. A shorter one wakes an idle server more often. */
const LOOP_DELAY_RESOLUTION_MS = 20;
const MICROS_PER_S = 1e6;
const NANOS_PER_S = 1e9;
const GC_BUCKETS: readonly number[] = [0.001, 0.01, 0.1, 1, 2, 5];
const GC_KINDS: ReadonlyMap<number, string> = new Map([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
]);

/** Node's entry of a collection; its types lack `detail`. */
interface Collection {
  readonly duration: number;
  readonly detail: { readonly kind: number };
}

/** Creates the families. Those that the system has no values for are left out. */
export function processFamilies() {
  return [...cpuFamilies(), ...memoryFamilies(), ...descriptorFamilies(), ...loopFamilies(), ...heapFamilies()];
}

/** Observes this process's collections until `close`. */
export function observeCollections() {
  const help = 'Garbage collection duration by kind, one of major, minor, incremental or weakcb.';
  const family = histogramFamily('nodejs_gc_duration_seconds', help, GC_BUCKETS);
  const series = new Map<string, HistogramSeries>();
  const observer = new PerformanceObserver((list) => {
    for (const { duration, detail } of list.getEntries() as unknown as readonly Collection[]) {
      const kind = GC_KINDS.get(detail.kind) ?? 'other';
      if (!series.has(kind)) series.set(kind, family.open({ kind }));
      series.get(kind)!.observe(duration / 1000);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return { family, close: () => observer.disconnect() };
}

function gauge(name: string, help: string, read: () => number | undefined): GaugeFamily {
  return new GaugeFamily(name, help, () => readingOf(read()));
}

function readingOf(value: number | undefined): readonly Reading[] {
  return value === undefined ? [] : [{ labels: {}, value }];
}

function cpuFamilies(): GaugeFamily[] {
  const seconds = (name: string, help: string, read: (usage: NodeJS.CpuUsage) => number): GaugeFamily =>
    new GaugeFamily(name, help, () => readingOf(read(process.cpuUsage()) / MICROS_PER_S), 'counter');
  const startedAt = Math.round(performance.timeOrigin / 1000);
  return [
    seconds('process_cpu_user_seconds_total', 'Total user CPU time spent in seconds.', ({ user }) => user),
    seconds('process_cpu_system_seconds_total', 'Total system CPU time spent in seconds.', ({ system }) => system),
    seconds(
      'process_cpu_seconds_total',
      'Total user and system CPU time spent in seconds.',
      ({ user, system }) => user + system,
    ),
    gauge('process_start_time_seconds', 'Start time of the process since unix epoch in seconds.', () => startedAt),
  ];
}

function memoryFamilies(): GaugeFamily[] {
  const status = (line: string): number | undefined => {
    const kib = new RegExp(`^${line}:\\s+(\\d+) kB`, 'm').exec(textOf('/proc/self/status'))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  };
  const resident = (): number => status('VmRSS') ?? process.memoryUsage.rss();
  return [
    gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', resident),
    gauge('process_virtual_memory_bytes', 'Virtual memory size in bytes.', () => status('VmSize')),
    gauge('process_heap_bytes', 'Process heap size in bytes.', () => status('VmData')),
  ];
}

function descriptorFamilies(): GaugeFamily[] {
  const most = /^Max open files\s+(\d+)/m.exec(textOf('/proc/self/limits'))?.[1];
  if (most === undefined) return [];
  return [
    // One of these descriptors is the one with which they are read.
    gauge('process_open_fds', 'Number of open file descriptors.', () => readdirSync('/proc/self/fd').length - 1),
    gauge('process_max_fds', 'Maximum number of open file descriptors.', () => Number(most)),
  ];
}

/** Empty where there is no such file. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function loopFamilies(): GaugeFamily[] {
  const delays = monitorEventLoopDelay({ resolution: LOOP_DELAY_RESOLUTION_MS });
  delays.enable();
  let lagMs = 0;
  const lag = (): number => {
    const startedAt = performance.now();
    setImmediate(() => {
      lagMs = performance.now() - startedAt;
      delays.reset();
    });
    return lagMs / 1000;
  };
  const recorded = (name: string, what: string, read: () => number): GaugeFamily =>
    gauge(`nodejs_eventloop_lag_${name}_seconds`, `The ${what}.`, () => read() / NANOS_PER_S);
  const all = 'of the recorded event loop delays';
  const percentile = (share: number): GaugeFamily =>
    recorded(`p${share}`, `${share}th percentile ${all}`, () => delays.percentile(share));
  return [
    gauge('nodejs_eventloop_lag_seconds', 'Lag of event loop in seconds.', lag),
    recorded('min', 'minimum recorded event loop delay', () => delays.min),
    recorded('max', 'maximum recorded event loop delay', () => delays.max),
    recorded('mean', `mean ${all}`, () => delays.mean),
    recorded('stddev', `standard deviation ${all}`, () => delays.stddev),
    ...[50, 90, 99].map(percentile),
  ];
}

function heapFamilies(): GaugeFamily[] {
  const memory = (name: string, help: string, read: (usage: NodeJS.MemoryUsage) => number): GaugeFamily =>
    gauge(name, help, () => read(process.memoryUsage()));
  const spaces = (what: string, key: 'space_size' | 'space_used_size' | 'space_available_size'): GaugeFamily =>
    new GaugeFamily(
      `nodejs_heap_space_size_${what}_bytes`,
      `Process heap space size ${what} from Node.js in bytes.`,
      () =>
        getHeapSpaceStatistics().map((space) => ({
          labels: { space: space.space_name.replace(/_space.*/, '') },
          value: space[key],
        })),
    );
  const [major = '', minor = '', patch = ''] = process.version.slice(1).split('.');
  const labels = { version: process.version, major, minor, patch };
  return [
    memory('nodejs_heap_size_total_bytes', 'Process heap size from Node.js in bytes.', (m) => m.heapTotal),
    memory('nodejs_heap_size_used_bytes', 'Process heap size used from Node.js in bytes.', (m) => m.heapUsed),
    memory('nodejs_external_memory_bytes', 'Node.js external memory size in bytes.', (m) => m.external),
    spaces('total', 'space_size'),
    spaces('used', 'space_used_size'),
    spaces('available', 'space_available_size'),
    new GaugeFamily('nodejs_version_info', 'Node.js version info.', () => [{ labels, value: 1 }]),
  ];
}
