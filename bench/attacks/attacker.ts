/**
 * One attack, a process of its own. Prints what it counted, and the CPU seconds that it took.
 *
 *   node build/bench/attacks/attacker.js NAME SECONDS '{"grpc":"127.0.0.1:8500","rest":…}'
 */
import process from 'node:process';
import { ATTACKS, type Counts, type Target } from '../../test/attacks/attack-list.ts';

export interface Attacked {
  readonly counts: Counts;
  readonly cpuSeconds: number;
}

const [name, seconds, target] = process.argv.slice(2) as [string, string, string];
const { attack } = ATTACKS.find((each) => each.name === name)!;
const { signal } = new AbortController();
const counts = await attack(JSON.parse(target) as Target, Number(seconds), signal);
const { user, system } = process.cpuUsage();
const attacked: Attacked = { counts, cpuSeconds: (user + system) / 1e6 };
process.stdout.write(`${JSON.stringify(attacked)}\n`, () => process.exit());
