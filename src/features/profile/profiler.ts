/**
 * Takes one profile: watches requests, batches and the event loop for some seconds, then profiles the ops of the
 * models.
 *
 *     listen, sample ▸ … seconds … ▸ stop both ▸ a replica of each model runs ▸ one trace file
 *
 * While it watches, sampling costs CPU on the event loop. Afterwards a replica takes a core while it loads and runs:
 * requests of that time are not in the profile, and may be slower.
 */
import { machineTimeMs } from '../../backends/host/worker-call.ts';
import type { FreeMemory } from '../../config/machine/free-memory.ts';
import type { Clock } from '../../core/clock.ts';
import type { AppTelemetry } from '../../ledger/telemetry.ts';
import type { Servable } from '../../models/serving/servable.ts';
import { cpuFlames } from './cpu-flames.ts';
import { type CpuProfile, CpuSampler } from './cpu-sampler.ts';
import { profileDocument } from './profile-document.ts';
import { RecordCapture } from './record-capture.ts';
import { profileReplicas } from './replicas.ts';

export interface ProfilerOptions {
  readonly clock: Clock;
  readonly telemetry: Pick<AppTelemetry, 'listen'>;
  /** The loaded versions. */
  readonly servables: () => Iterable<Servable>;
  readonly readFree: () => FreeMemory | undefined;
}

export interface ProfileSpec {
  readonly seconds: number;
  /** Undefined for all. */
  readonly model: string | undefined;
}

/** Limits that keep the file small enough for a browser; of more requests, a sample is kept. */
const MAX_REQUESTS = 2000;
const MAX_BATCHES = 5000;
const MAX_CPU_SPANS = 100_000;
const MAX_SAMPLES = 20_000;
const LEAST_SAMPLING_MICROS = 1000;

export class Profiler {
  readonly #options: ProfilerOptions;

  constructor(options: ProfilerOptions) {
    this.#options = options;
  }

  /** Resolves with the file's text in pieces. Rejects with the signal's reason once it is aborted. */
  async take({ seconds, model }: ProfileSpec, signal: AbortSignal): Promise<Generator<string>> {
    const { clock, servables, readFree } = this.#options;
    const limits = { maxRequests: MAX_REQUESTS, maxBatches: MAX_BATCHES, random: Math.random };
    const capture = new RecordCapture({ model, ...limits });
    const samplingMicros = Math.max(LEAST_SAMPLING_MICROS, (seconds * 1e6) / MAX_SAMPLES);
    const startedAtMs = clock.nowMs();
    const cpu = await this.#watch(capture, seconds * 1000, samplingMicros, signal);
    const wanted = [...servables()].filter(({ name }) => model === undefined || name === model);
    const replicas = await profileReplicas(wanted, capture.batches, readFree, signal);
    signal.throwIfAborted();
    return profileDocument({
      ...{ seconds, capture, samplingMicros, replicas, startedAtMs },
      flames: cpuFlames(cpu, MAX_CPU_SPANS),
      toMachineMs: machineTimeMs() - clock.nowMs(),
    });
  }

  async #watch(
    capture: RecordCapture,
    lengthMs: number,
    samplingMicros: number,
    signal: AbortSignal,
  ): Promise<CpuProfile> {
    const sampler = new CpuSampler();
    const stopListening = this.#options.telemetry.listen(capture);
    try {
      await sampler.start(samplingMicros);
      await pause(this.#options.clock, lengthMs, signal);
      return await sampler.stop();
    } finally {
      stopListening();
      sampler.close();
    }
  }
}

/** Rejects with the signal's reason if it is aborted before. */
function pause(clock: Clock, lengthMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      timer.cancel();
      reject(signal.reason as Error);
    };
    const timer = clock.setTimer(clock.nowMs() + lengthMs, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
