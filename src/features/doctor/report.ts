/** The doctor's report: a few lines about the machine and the server, then each finding. */
import { describeSandbox } from '../../admin/describe-sandbox.ts';
import { forecastWords } from '../../admin/forecast-words.ts';
import type { ModelReport } from '../../admin/models-report.ts';
import type { CudaState } from '../../backends/onnx/cuda-machine.ts';
import { visible } from '../../core/terminal/visible-text.ts';
import { showNumber } from '../../ledger/quantities.ts';
import { showBytes } from '../../models/memory/model-memory.ts';
import type { DoctorFacts, Finding, ServerFacts } from './rule.ts';

const GIB = 2 ** 30;

/** Whole lines. */
export function asText(facts: DoctorFacts, findings: readonly Finding[]): string {
  const lines = [...describeFacts(facts), ''];
  if (findings.length === 0) lines.push('nothing wrong was found');
  findings.forEach(({ id, model, what, why, change }, i) => {
    const about = model === undefined ? '' : `${model}: `;
    lines.push(`${i + 1}. ${id}: ${about}${what}`, `   why: ${why}`, `   change: ${change}`);
  });
  return `${lines.map(visible).join('\n')}\n`;
}

/** One JSON object on one line: the findings and the facts. The environment is left out: it may hold secrets. */
export function asJson({ environment: _, ...facts }: DoctorFacts, findings: readonly Finding[]): string {
  return `${JSON.stringify({ findings, facts })}\n`;
}

function describeFacts({ machine, health, freeMemory, cuda, server }: DoctorFacts): string[] {
  const quota = machine.quotaCores === undefined ? 'no CPU quota' : `CPU quota ${showNumber(machine.quotaCores)} cores`;
  const { throttling, hugePages } = health;
  const throttled =
    throttling === undefined ? '' : `, throttled in ${throttling.throttledPeriods} of ${throttling.periods} periods`;
  const memory =
    freeMemory === undefined
      ? 'memory not known'
      : `${size(freeMemory.freeBytes)} free of ${size(freeMemory.limitBytes)} (${freeMemory.isCgroup ? 'limit' : 'machine'})`;
  return [
    `machine: ${machine.cores} cores, ${quota}${throttled}; ${machine.simd.join(' ') || 'vector instructions not known'}`,
    `memory:  ${memory}; huge pages ${hugePages ?? 'not known'}`,
    `cuda:    ${describeCuda(cuda)}`,
    ...(server === undefined ? [] : describeServer(server)),
  ];
}

function describeCuda({ problems, driverVersion = 'of unknown version', devices }: CudaState): string {
  if (problems.length > 0) return `cannot be used: ${problems.join('; ')}`;
  return `driver ${driverVersion}, ${devices === undefined ? 'devices not known' : some(devices, 'device')}`;
}

function describeServer({ report, traffic }: ServerFacts): string[] {
  const { slots, max_batch_size } = report.plan;
  const when = traffic.isSinceStart ? 'since its start' : `in ${showNumber(traffic.seconds)} s`;
  const lines = [
    `server:  ${some(slots, 'thread')} for runs, batches to ${some(max_batch_size, 'row')}; ${showNumber(traffic.cpuSeconds)} s of CPU ${when}`,
  ];
  for (const { model, version, requests, batches, rows } of traffic.models) {
    const mean = rows === batches ? '1 row' : `${showNumber(rows / batches)} rows`;
    const ran = some(batches, 'batch', 'batches') + (batches === 0 ? '' : ` of ${mean}`);
    lines.push(`         ${model} version ${version}: ${some(requests, 'request')}, ${ran} ${when}`);
    lines.push(...explained(report, model, version));
  }
  lines.push(...report.models.flatMap(planLines), ...report.models.flatMap(sandboxLines));
  const { unservedRequests } = traffic;
  if (unservedRequests > 0) {
    lines.push(`         ${some(unservedRequests, 'request')} ${when} named a model or version that is not served`);
  }
  const idle = report.models.filter(({ versions }) => !versions.some(({ state }) => state === 'AVAILABLE'));
  lines.push(...idle.map((model) => `         ${model.name} serves nothing: ${whyNothing(model)}`));
  if (report.models.length === 0) lines.push('         no model is configured');
  return lines;
}

/** How each version's batches use the cores. */
function planLines({ name, versions }: ModelReport): readonly string[] {
  return versions.flatMap(({ version, host }) => {
    if (host?.sessions === undefined) return [];
    const all = host.sessions.map(
      ({ sessions, threads }) => `${some(sessions, 'session')} of ${some(threads, 'thread')}`,
    );
    return [`         ${name} version ${version}: ${all.join(', ')}`];
  });
}

/** Tells which bound holds, and how far forecasts were off. */
function explained({ models }: ServerFacts['report'], model: string, version: string): readonly string[] {
  const found = models.find(({ name }) => name === model)?.versions.find((each) => each.version === version);
  const { bound, forecast } = found ?? {};
  return [
    ...(bound === undefined ? [] : [`           bound: ${bound.sentence}`]),
    ...(forecast === undefined ? [] : [`           forecasts: ${forecastWords(forecast)}`]),
  ];
}

/** Names the sandbox that confines each version's processes. */
function sandboxLines({ name, versions }: ModelReport): readonly string[] {
  return versions.flatMap(({ version, host }) =>
    host?.sandbox === undefined
      ? []
      : [`         ${name} version ${version}: ${host.kind}, sandbox ${describeSandbox(host.sandbox)}`],
  );
}

function whyNothing({ versions, error }: ModelReport): string {
  if (versions.length === 0) return error ?? 'it has no version';
  return versions
    .map(({ version, state, left_out, error: failure }) => {
      if (left_out) return `version ${version} was unloaded by hand`;
      return `version ${version} ${failure === undefined ? STATE_WORDS[state] : 'did not load'}`;
    })
    .join(', ');
}

const STATE_WORDS = {
  UNKNOWN: 'has no state yet',
  START: 'will be loaded',
  LOADING: 'is being loaded',
  AVAILABLE: 'is served',
  UNLOADING: 'is being unloaded',
  END: 'was unloaded',
} as const;

function some(n: number, one: string, several = `${one}s`): string {
  return `${n} ${n === 1 ? one : several}`;
}

function size(bytes: number): string {
  return bytes < GIB ? showBytes(bytes) : `${showNumber(bytes / GIB)} GiB`;
}
