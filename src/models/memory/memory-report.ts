/** A servable's memory, for the log and for gauges. */
import type { MemoryReading } from '../../telemetry/metrics/gauges.ts';
import type { Servable } from '../serving/servable.ts';
import { showBytes, workingBytes } from './model-memory.ts';

/** The fields of its log line; empty where its loader has not looked. */
export function describeMemory({ name, version, memory }: Servable): Readonly<Record<string, unknown>> {
  if (memory === undefined) return {};
  const working = workingBytes(memory);
  return {
    model: name,
    version: version.toString(),
    weights: showBytes(memory.artifactBytes),
    sessions: memory.sessions,
    working: working === undefined ? 'not measured: another version loaded at the same time' : showBytes(working),
  };
}

/** What gauges tell of it; without `working` where that was not measured. */
export function memoryReadings({ name, version, memory }: Servable): readonly MemoryReading[] {
  if (memory === undefined) return [];
  const of = { model: name, version: version.toString() };
  const weights = { ...of, part: 'weights', bytes: memory.artifactBytes * memory.sessions } as const;
  const working = workingBytes(memory);
  return working === undefined ? [weights] : [weights, { ...of, part: 'working', bytes: working }];
}
