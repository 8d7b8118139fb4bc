/** The cores that this process keeps busy, between one reading and the next. */
import process from 'node:process';

/** CPU time since the process's start, in µs. */
type CpuUsage = () => { readonly user: number; readonly system: number };

export class CpuMeter {
  readonly #usage: CpuUsage;
  #readMicros: number;

  constructor(usage: CpuUsage = () => process.cpuUsage()) {
    this.#usage = usage;
    this.#readMicros = this.#micros();
  }

  /** Begins anew: the next reading has nothing of what was used before. */
  restart(): void {
    this.#readMicros = this.#micros();
  }

  /** The mean of the last `spanMs`, which must be the time since the last reading or restart. */
  read(spanMs: number): number {
    const micros = this.#micros();
    const used = micros - this.#readMicros;
    this.#readMicros = micros;
    return spanMs > 0 ? Math.round(used / spanMs) / 1000 : 0;
  }

  #micros(): number {
    const { user, system } = this.#usage();
    return user + system;
  }
}
