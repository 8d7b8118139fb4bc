/** The doctor's report: a few lines about the machine and the server, then each finding. */
import { showBytes } from '../../models/memory/model-memory.ts';
import { type DoctorFacts, type Finding, type ServerFacts, showNumber } from './rule.ts';

const GIB = 2 ** 30;

/** Whole lines. */
export function asText(facts: DoctorFacts, findings: readonly Finding[]): string {
  const lines = [...describeFacts(facts), ''];
  if (findings.length === 0) lines.push('nothing wrong was found');
  findings.forEach(({ id, model, what, why, change }, i) => {
    const about = model === undefined ? '' : `${model}: `;
    lines.push(`${i + 1}. ${id}: ${about}${what}`, `   why: ${why}`, `   change: ${change}`);
  });
  return `${lines.join('\n')}\n`;
}

/** One JSON object on one line: the findings and the facts. The environment is left out: it may hold secrets. */
export function asJson({ environment: _, ...facts }: DoctorFacts, findings: readonly Finding[]): string {
  return `${JSON.stringify({ findings, facts })}\n`;
}

function describeFacts({ machine, health, freeMemory, server }: DoctorFacts): string[] {
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
    ...(server === undefined ? [] : describeServer(server)),
  ];
}

function describeServer({ report, traffic }: ServerFacts): string[] {
  const { slots, intra_op_threads, max_batch_size } = report.plan;
  const when = traffic.isSinceStart ? 'since its start' : `in ${showNumber(traffic.seconds)} s`;
  const lines = [
    `server:  ${slots} slots of ${intra_op_threads} threads, batches to ${max_batch_size} rows; ${showNumber(traffic.cpuSeconds)} s of CPU ${when}`,
  ];
  for (const { model, version, requests, batches, rows } of traffic.models) {
    const mean = batches === 0 ? '' : ` of ${showNumber(rows / batches)} rows`;
    lines.push(`         ${model} version ${version}: ${requests} requests, ${batches} batches${mean} ${when}`);
  }
  return lines;
}

function size(bytes: number): string {
  return bytes < GIB ? showBytes(bytes) : `${showNumber(bytes / GIB)} GiB`;
}
