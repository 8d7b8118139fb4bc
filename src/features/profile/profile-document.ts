/**
 * Writes a profile as one trace file, with the tables of `pillion profile` in its `otherData`.
 *
 *   requests       as many tracks as there were concurrent requests; each request with its stages
 *   batches        as many tracks as there were concurrent batches; each with its steps and the runtime's run
 *   event loop     JavaScript functions, sampled
 *   ops of MODEL   a replica's runs and their ops, after the watched time
 */
import type { OpProfile, OpTime } from '../../backends/op-profile.ts';
import { VERSION } from '../../version.ts';
import type { CpuFlames, FunctionTime } from './cpu-flames.ts';
import type { RecordCapture } from './record-capture.ts';
import type { ReplicaResult } from './replicas.ts';
import { placeOnTracks, type Span, TraceFile } from './trace-file.ts';

export interface ProfileParts {
  readonly seconds: number;
  readonly capture: RecordCapture;
  readonly flames: CpuFlames;
  readonly samplingMicros: number;
  readonly replicas: readonly ReplicaResult[];
  /** Start of the profile, on the clock of the records. */
  readonly startedAtMs: number;
  /** Offset from that clock to process.hrtime's, in ms. */
  readonly toMachineMs: number;
}

/** `otherData` of the file, which `pillion profile` prints. */
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
  /** Why there is no profile of ops. */
  readonly note?: string;
  readonly rows?: number;
  readonly runs?: number;
  /** Mean of the runs. */
  readonly run_ms?: number;
  readonly top_ops?: OpTables;
}

export interface OpRow {
  /** The node's name; absent in the table by kind. */
  readonly node?: string;
  readonly op: string;
  readonly calls: number;
  readonly total_ms: number;
  /** Share of the time of all ops. */
  readonly share: number;
}

export interface OpTables {
  readonly by_op: readonly OpRow[];
  readonly by_node: readonly OpRow[];
}

const TABLE_ROWS = 20;

/** Returns the file's text in pieces. */
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

/** The kinds of op and the nodes that take most of a run's time, longest first, at most `limit` rows each. */
export function topOps({ runs }: OpProfile, limit: number): OpTables {
  const ops = runs.flatMap((run) => run.ops);
  const wholeMs = ops.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const by = (keyOf: (op: OpTime) => string, withNode: boolean): OpRow[] => {
    const groups = new Map<string, { first: OpTime; calls: number; totalMs: number }>();
    for (const op of ops) {
      const group = groups.get(keyOf(op)) ?? { first: op, calls: 0, totalMs: 0 };
      group.calls += 1;
      group.totalMs += op.durationMs;
      groups.set(keyOf(op), group);
    }
    return [...groups.values()]
      .sort((a, b) => b.totalMs - a.totalMs)
      .slice(0, limit)
      .map(({ first, calls, totalMs }) => ({
        ...(withNode && { node: first.node }),
        ...{ op: first.op, calls, total_ms: totalMs, share: wholeMs === 0 ? 0 : totalMs / wholeMs },
      }));
  };
  return { by_op: by(({ op }) => op, false), by_node: by(({ node }) => node, true) };
}
