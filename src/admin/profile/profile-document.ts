/**
 * Everything that a profile has seen → one trace file, and the tables that go along in its `otherData`.
 *
 *   requests       a track for as many as there were at once; each with its stages
 *   batches        a track for as many as ran at once; each with copying, execute, the runtime's run, split
 *   event loop     what JavaScript ran, sampled
 *   ops of MODEL   a replica's runs and their ops, after the time that was watched
 */
import { VERSION } from '../../version.ts';
import type { CpuFlames, FunctionTime } from './cpu-flames.ts';
import { placeOnTracks } from './free-tracks.ts';
import type { RecordCapture } from './record-capture.ts';
import type { ReplicaResult } from './replicas.ts';
import { type OpTables, topOps } from './top-ops.ts';
import { type Span, TraceFile } from './trace-file.ts';

export interface ProfileParts {
  readonly seconds: number;
  readonly capture: RecordCapture;
  readonly flames: CpuFlames;
  readonly samplingMicros: number;
  readonly replicas: readonly ReplicaResult[];
  /** When watching began, on the clock of the records. */
  readonly startedAtMs: number;
  /** From that clock to process.hrtime's, in ms. */
  readonly toMachineMs: number;
}

/** `otherData` of the file: what `pillion profile` prints. */
export interface ProfileSummary {
  readonly producer: string;
  readonly seconds: number;
  readonly requests: { readonly seen: number; readonly shown: number };
  readonly batches: { readonly seen: number; readonly shown: number };
  readonly cpu: {
    readonly sampling_micros: number;
    readonly samples: number;
    readonly dropped_spans: number;
    readonly top_functions: readonly FunctionTime[];
  };
  readonly models: readonly ModelOps[];
}

export interface ModelOps {
  readonly model: string;
  readonly version: string;
  /** Why there is nothing. */
  readonly note?: string;
  readonly rows?: number;
  readonly runs?: number;
  /** Mean of the runs. */
  readonly run_ms?: number;
  readonly top_ops?: OpTables;
}

const TABLE_ROWS = 20;

/** The file's text in pieces. */
export function profileDocument(parts: ProfileParts): Generator<string> {
  const { capture, flames, replicas, startedAtMs, toMachineMs } = parts;
  const earliest = capture.requests.reduce((least, { startMs }) => Math.min(least, startMs), startedAtMs);
  const file = new TraceFile(earliest + toMachineMs);
  const onMachineClock = (span: Span): Span => ({
    ...span,
    startMs: span.startMs + toMachineMs,
    endMs: span.endMs + toMachineMs,
  });
  const addNested = (
    process: string,
    track: string,
    all: RecordCapture['requests'] | RecordCapture['batches'],
  ): void => {
    const pid = file.addProcess(process);
    placeOnTracks(all).forEach((spans, i) => {
      const onTrack = file.addTrack(pid, `${track} ${i + 1}`);
      for (const { children, name, startMs, endMs, args } of spans) {
        for (const span of [{ name, startMs, endMs, ...(args && { args }) }, ...children])
          file.addSpan(onTrack, process, onMachineClock(span));
      }
    });
  };
  addNested('requests', 'in flight', capture.requests);
  addNested('batches', 'slot', capture.batches);
  const loop = file.addTrack(file.addProcess('event loop'), 'JavaScript, sampled');
  for (const span of flames.spans) file.addSpan(loop, 'cpu', span);
  for (const replica of replicas) addOps(file, replica);
  return file.text(summary(parts));
}

function addOps(file: TraceFile, { model, version, profile }: ReplicaResult): void {
  if (profile === undefined) return;
  const pid = file.addProcess(`ops of ${model} version ${version} (a replica, run for this profile)`);
  const track = file.addTrack(pid, `runs of ${profile.rows} rows of zeros`);
  for (const { startMs, durationMs, ops } of profile.runs) {
    file.addSpan(track, 'run', { name: 'run', startMs, endMs: startMs + durationMs });
    for (const { node, op, startMs: from, durationMs: lasts } of ops) {
      const span = { name: op, startMs: startMs + from, endMs: startMs + from + lasts, args: { node } };
      file.addSpan(track, 'op', span);
    }
  }
}

function summary({ seconds, capture, flames, samplingMicros, replicas }: ProfileParts): ProfileSummary {
  return {
    producer: `pillion ${VERSION}`,
    seconds,
    requests: { seen: capture.seenRequests, shown: capture.requests.length },
    batches: { seen: capture.seenBatches, shown: capture.batches.length },
    cpu: {
      sampling_micros: samplingMicros,
      samples: flames.samples,
      dropped_spans: flames.dropped,
      top_functions: flames.topFunctions,
    },
    models: replicas.map(modelOps),
  };
}

function modelOps({ model, version, profile, note }: ReplicaResult): ModelOps {
  if (profile === undefined) return { model, version, ...(note !== undefined && { note }) };
  const { rows, runs } = profile;
  const totalMs = runs.reduce((sum, { durationMs }) => sum + durationMs, 0);
  return {
    model,
    version,
    rows,
    runs: runs.length,
    run_ms: totalMs / runs.length,
    top_ops: topOps(profile, TABLE_ROWS),
  };
}
