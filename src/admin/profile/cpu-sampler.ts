/** V8's CPU profiler on the event loop's thread, through Node's inspector. */
import { type Profiler, Session } from 'node:inspector';

export type CpuProfile = Profiler.Profile;

/** Samples so many microseconds apart. Start it, then stop it or close it; one at a time in a process. */
export class CpuSampler {
  readonly #session = new Session();

  async start(intervalMicros: number): Promise<void> {
    this.#session.connect();
    await this.#post('Profiler.enable');
    await this.#post('Profiler.setSamplingInterval', { interval: intervalMicros });
    await this.#post('Profiler.start');
  }

  /** What was seen since the start. Its instants are microseconds of process.hrtime's clock. */
  stop(): Promise<CpuProfile> {
    return new Promise((resolve, reject) => {
      this.#session.post('Profiler.stop', (error, result) => {
        if (error === null) resolve(result.profile);
        else reject(error);
      });
    });
  }

  /** Also ends a profile that was not stopped. Twice is once. */
  close(): void {
    this.#session.disconnect();
  }

  #post(method: string, parameters?: object): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#session.post(method, parameters, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }
}
