/** docs/results/reliability.md from the results in bench/results. A part without results says so. */
import { existsSync, readFileSync } from 'node:fs';
import type { Measured } from '../attacks/measure.ts';
import type { FaultResult } from '../faults/fault.ts';
import { faultTable } from '../faults/render.ts';
import type { Machine } from '../support/machine.ts';

/** Share of a neighbour's requests that must be answered beside an attack. */
const LEAST_ANSWERED = 0.999;
/** The most that the neighbour's p99 may be, as a multiple of that beside a process that burns as much CPU. */
const MOST_TIMES_BURNER = 2;
/** The most memory half a minute after an attack, as a multiple of that before it. */
const MOST_TIMES_BEFORE = 1.2;

interface Attacks {
  readonly machine: Machine;
  readonly seconds: number;
  readonly perSecond: number;
  readonly attacks: readonly Measured[];
}

interface Faults {
  readonly faults: readonly FaultResult[];
}

interface Restarts {
  readonly restarts: number;
  readonly perSecond: number;
  readonly results: readonly Readonly<Record<string, number | string | boolean>>[];
}

interface Fuzz {
  readonly seconds: number;
  readonly runs: number;
  readonly targets: readonly { name: string; runs: number; kept?: number; reached?: number; of?: number }[];
}

interface Soak {
  readonly minutes: number;
  readonly requests: number;
  readonly faults: number;
  readonly lost: number;
  readonly early: Readonly<Record<string, number>>;
  readonly late: Readonly<Record<string, number>>;
}

export function reliabilityPage(): string {
  const attacks = read<Attacks>('attacks');
  const parts = [
    introduction(attacks),
    section('Attacks', attacks, attackPart),
    section('Faults', read<Faults>('faults'), faultPart),
    section('Restarts', read<Restarts>('restarts'), restartPart),
    section('Bytes of strangers', read<Fuzz>('fuzz'), fuzzPart),
    section('Half an hour of everything', read<Soak>('soak'), soakPart),
    SECRETS,
  ];
  return `${parts.join('\n\n')}\n`;
}

function read<T>(name: string): T | undefined {
  const file = `bench/results/${name}.json`;
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined;
}

function section<T>(title: string, results: T | undefined, part: (results: T) => string): string {
  return `## ${title}\n\n${results === undefined ? 'Not measured yet.' : part(results)}`;
}

function introduction(attacks: Attacks | undefined): string {
  const machine = attacks?.machine;
  const where =
    machine === undefined
      ? ''
      : ` Measured on ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Linux
${machine.kernel}, Node ${machine.node}.`;
  return `# Reliability

What the delivered server has been put through, and what became of it and of those beside it. This page is made by
\`npm run bench -- reliability\` from bench/results; what is missed is in it, too.${where}

The machine has two cores for the server, the attacker and the neighbour together. So a latency is compared with that
beside a process that takes as much CPU as the attacker does and attacks nobody.`;
}

function attackPart({ seconds, perSecond, attacks }: Attacks): string {
  const rows = attacks.map((each) => {
    const { alone, besideBurner, besideAttack: beside, node } = each;
    const times = beside.p99 / besideBurner.p99;
    const cells = [
      each.name,
      share(beside.answered, beside.sent),
      share(beside.newAnswered, beside.newSent),
      `${ms(alone.p99)} / ${ms(besideBurner.p99)} / ${ms(beside.p99)}`,
      times.toFixed(1),
      `${each.serverCpu.toFixed(2)} / ${each.attackerCpu.toFixed(2)}`,
      `${mib(each.residentBefore)} / ${mib(each.residentPeak)} / ${mib(each.residentAfter)}`,
      each.ending ?? 'lives',
      `${share(node.besideAttack.answered, node.besideAttack.sent)}, ${ms(node.besideAttack.p99)}, ${mib(node.residentPeak)}${
        node.ending === undefined ? '' : `, ended ${node.ending}`
      }`,
    ];
    return `| ${cells.join(' | ')} |`;
  });
  const missed = (what: string, isMissed: (each: Measured) => boolean): string => {
    const names = attacks.filter(isMissed).map(({ name }) => name);
    return `| ${what} | ${attacks.length - names.length} of ${attacks.length} | ${names.join(', ')} |`;
  };
  return `Each for ${seconds} s on a server of its own, beside a neighbour with ${perSecond} small requests a second, and ten new clients a second.
Latencies in ms: alone / beside the burner / beside the attack. Cores: the server's / the attacker's. Memory in MiB:
before / at its peak / at the lowest of the 30 s after. The last column is node:http or node:http2 with its defaults,
which answers without a model: requests answered, p99, memory at its peak.

| wanted | met | not by |
|---|---|---|
${[
  missed('the server lives', ({ ending }) => ending !== undefined),
  missed(`neighbour answered ≥ ${LEAST_ANSWERED}`, ({ besideAttack: b }) => b.answered / b.sent < LEAST_ANSWERED),
  missed(
    `its p99 ≤ ${MOST_TIMES_BURNER} × that beside the burner`,
    ({ besideAttack: b, besideBurner }) => !(b.p99 <= MOST_TIMES_BURNER * besideBurner.p99),
  ),
  missed(
    `memory after ≤ ${MOST_TIMES_BEFORE} × before`,
    ({ residentBefore, residentAfter }) => residentAfter > MOST_TIMES_BEFORE * residentBefore,
  ),
].join('\n')}

| attack | neighbour answered | new clients | p99 | × burner | cores | memory | the server | node |
|---|--:|--:|--:|--:|--:|--:|---|---|
${rows.join('\n')}`;
}

function faultPart({ faults }: Faults): string {
  const good = faults.filter(({ problems, skipped }) => problems.length === 0 && skipped === undefined).length;
  return `${good} of ${faults.length} faults end as they should, each beside a neighbour with 100 requests a second.\n\n${faultTable(faults)}`;
}

function restartPart({ restarts, perSecond, results }: Restarts): string {
  const columns = [...new Set(results.flatMap((each) => Object.keys(each)))];
  const rows = results.map((each) => `| ${columns.map((column) => String(each[column] ?? '')).join(' | ')} |`);
  return `${restarts} restarts by SIGTERM under ${perSecond} requests a second, of clients that connect again.\n
| ${columns.join(' | ')} |\n|${columns.map(() => '---').join('|')}|\n${rows.join('\n')}`;
}

function fuzzPart({ seconds, runs, targets }: Fuzz): string {
  const rows = targets.map(({ name, runs: own, kept, reached, of }) => {
    return `| ${name} | ${own.toLocaleString('en')} | ${kept ?? ''} | ${reached ?? ''} of ${of ?? ''} |`;
  });
  return `${runs.toLocaleString('en')} inputs made up in ${seconds} s by coverage-guided fuzzing, with no fault; two minutes of it are in CI.\n
| reader | inputs | kept | places reached |\n|---|--:|--:|--:|\n${rows.join('\n')}`;
}

function soakPart({ minutes, requests, faults, lost, early, late }: Soak): string {
  const rows = Object.keys(early).map((name) => {
    return `| ${name.replaceAll('_', ' ')} | ${early[name]!.toFixed(1)} | ${late[name]!.toFixed(1)} |`;
  });
  return `${requests.toLocaleString('en')} requests in ${minutes} minutes, good, bad and broken off, and ${faults} faults; ${lost} good requests were lost.\n
| held by the server, medians | second fifth | last fifth |\n|---|--:|--:|\n${rows.join('\n')}`;
}

const SECRETS = `## Secrets

\`test/integration/planted-secrets.test.ts\` sends credentials, cookies, query strings and baggage, has secrets in the
environment, and looks for them in the log at its finest level, exported spans, metrics, captures, reports and error
texts. None is found.`;

function share(part: number, whole: number): string {
  const value = part / whole;
  return value === 1 ? '1' : value.toFixed(3);
}

function ms(value: number): string {
  return Number.isFinite(value) ? value.toFixed(1) : '–';
}

function mib(value: number): string {
  return value.toFixed(0);
}
