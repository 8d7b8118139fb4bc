/** V8's CPU profiler on the event loop's thread, through Node's inspector. */
import { type Profiler, Session } from 'node:inspector';

export type CpuProfile = Profiler.Profile;

/** Start it, then stop or close it. A process can have one at a time. */
export class CpuSampler {
  readonly #session = new Session();

  async start(intervalMicros: number): Promise<void> {
    this.#session.connect();
    await this.#post('Profiler.enable');
    await this.#post('Profiler.setSamplingInterval', { interval: intervalMicros });
    await this.#post('Profiler.start');
  }

  /** The profile since the start. Its instants are microseconds of process.hrtime's clock. */
  stop(): Promise<CpuProfile> {
    return new Promise((resolve, reject) => {
      this.#session.post('Profiler.stop', (error, result) => {
        if (error === null) resolve(result.profile);
        else reject(error);
      });
    });
  }

  /** Ends also a profile that was not stopped. A second call has no effect. */
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
