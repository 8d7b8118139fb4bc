/**
 * One attack, a process of its own. Prints what it counted, and the CPU seconds that it took.
 *
 *   node build/bench/attacks/attacker.js NAME SECONDS '{"grpc":"127.0.0.1:8500","rest":…}'
 */
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { ATTACKS, type Counts, type Target } from '../../test/attacks/attack-list.ts';

export interface Attacked {
  readonly counts: Counts;
  readonly cpuSeconds: number;
}

const LATE_MS = 2000;

const [name, seconds, target] = process.argv.slice(2) as [string, string, string];
const { attack } = ATTACKS.find((each) => each.name === name)!;
const { signal } = new AbortController();
// A server that neither answers nor closes may keep a driver waiting.
const late = pause(Number(seconds) * 1000 + LATE_MS, { 'did not end in time': 1 });
const counts = await Promise.race([attack(JSON.parse(target) as Target, Number(seconds), signal), late]);
const { user, system } = process.cpuUsage();
const attacked: Attacked = { counts, cpuSeconds: (user + system) / 1e6 };
process.stdout.write(`${JSON.stringify(attacked)}\n`, () => process.exit());
