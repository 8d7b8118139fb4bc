/**
 * How many cores this process could have: those that it used itself, and those that nobody used. Linux only, by
 * /proc/stat, whose numbers are of the whole machine: a container sees its neighbours in them.
 */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { type Clock, type Instant, systemClock } from '../../../core/clock.ts';

interface Reading {
  readonly at: Instant;
  readonly ownMs: number;
  readonly idleTicks: number;
  readonly allTicks: number;
  readonly cores: number;
}

export class SpareCores {
  readonly #clock: Clock;
  readonly #readStat: () => string;
  readonly #readOwnMs: () => number;
  #last: Reading | undefined;

  constructor(clock: Clock = systemClock, readStat = readProcStat, readOwnMs = readOwnCpuMs) {
    this.#clock = clock;
    this.#readStat = readStat;
    this.#readOwnMs = readOwnMs;
  }

  /** The mean since the last call, in cores; undefined at the first call, and where the system does not tell. */
  read(): number | undefined {
    const before = this.#last;
    const now = this.#take();
    this.#last = now;
    if (before === undefined || now === undefined) return undefined;
    const [ticks, ms] = [now.allTicks - before.allTicks, now.at - before.at];
    if (ticks <= 0 || ms <= 0) return undefined;
    return ((now.idleTicks - before.idleTicks) / ticks) * now.cores + (now.ownMs - before.ownMs) / ms;
  }

  #take(): Reading | undefined {
    try {
      const text = this.#readStat();
      // "cpu  user nice system idle iowait irq softirq steal guest guest_nice": guests are in user and nice.
      const ticks = /^cpu +(.*)$/m.exec(text)![1]!.split(' ').map(Number).slice(0, 8);
      const allTicks = ticks.reduce((sum, each) => sum + each, 0);
      const cores = text.match(/^cpu\d+ /gm)!.length;
      return { at: this.#clock.nowMs(), ownMs: this.#readOwnMs(), idleTicks: ticks[3]! + ticks[4]!, allTicks, cores };
    } catch {
      return undefined;
    }
  }
}

function readProcStat(): string {
  return readFileSync('/proc/stat', 'latin1');
}

function readOwnCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
