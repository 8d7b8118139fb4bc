/**
 * Turns a V8 CPU profile into spans: for each function, consecutive samples with the same callers become one span.
 *
 *   samples    a b c   a b c   a b    a d          ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇ a
 *                                           ─▶     ▇▇▇▇▇▇▇▇▇▇  ▇▇▇ b, d
 *                                                  ▇▇▇▇▇▇ c
 *
 * A span is as exact as the sampling interval: a shorter call is missing, or shown as a whole interval.
 */
import type { CpuProfile } from './cpu-sampler.ts';
import type { Span } from './trace-file.ts';

type CpuNode = CpuProfile['nodes'][number];

export interface FunctionTime {
  readonly function: string;
  /** "file:line"; empty for native code. */
  readonly at: string;
  readonly self_ms: number;
  readonly share: number;
}

export interface CpuFlames {
  /** Instants are ms of process.hrtime's clock. */
  readonly spans: readonly Span[];
  /** Number of spans beyond the limit. */
  readonly dropped: number;
  readonly samples: number;
  /** The functions with the longest own time, longest first, without idle time. */
  readonly topFunctions: readonly FunctionTime[];
}

interface Open {
  readonly node: CpuNode;
  readonly startMicros: number;
}

const TOP_FUNCTIONS = 20;
const MICROS_PER_MS = 1000;
const ROOT = '(root)';
const IDLE = '(idle)';

export function cpuFlames(profile: CpuProfile, maxSpans: number): CpuFlames {
  const stacks = stacksOf(profile);
  const open: Open[] = [];
  const spans: Span[] = [];
  let dropped = 0;
  const closeTo = (depth: number, atMicros: number): void => {
    while (open.length > depth) {
      const { node, startMicros } = open.pop()!;
      if (spans.length < maxSpans) spans.push(spanOf(node, startMicros, atMicros));
      else dropped += 1;
    }
  };
  let atMicros = profile.startTime;
  const { samples = [], timeDeltas = [] } = profile;
  samples.forEach((id, i) => {
    // A delta may be negative, as samples are ordered by whole microseconds.
    atMicros = Math.max(atMicros, atMicros + timeDeltas[i]!);
    const stack = stacks.get(id) ?? [];
    const same = open.findIndex(({ node }, depth) => node !== stack[depth]);
    closeTo(same === -1 ? Math.min(open.length, stack.length) : same, atMicros);
    for (const node of stack.slice(open.length)) open.push({ node, startMicros: atMicros });
  });
  closeTo(0, Math.max(atMicros, profile.endTime));
  return { spans, dropped, samples: samples.length, topFunctions: topFunctions(profile) };
}

/** Node id → its callers, outermost first, and the node itself; empty while nothing runs. */
function stacksOf({ nodes }: CpuProfile): ReadonlyMap<number, readonly CpuNode[]> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const stacks = new Map<number, readonly CpuNode[]>();
  const visit = (node: CpuNode, callers: readonly CpuNode[]): void => {
    const name = node.callFrame.functionName;
    const stack = name === ROOT || name === IDLE ? callers : [...callers, node];
    stacks.set(node.id, stack);
    for (const child of node.children ?? []) visit(byId.get(child)!, stack);
  };
  const root = nodes[0];
  if (root !== undefined) visit(root, []);
  return stacks;
}

function spanOf(node: CpuNode, startMicros: number, endMicros: number): Span {
  const at = placeOf(node);
  return {
    name: nameOf(node),
    startMs: startMicros / MICROS_PER_MS,
    endMs: endMicros / MICROS_PER_MS,
    ...(at !== '' && { args: { at } }),
  };
}

function topFunctions({ nodes, samples = [], timeDeltas = [] }: CpuProfile): readonly FunctionTime[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const times = new Map<string, { node: CpuNode; micros: number }>();
  let busyMicros = 0;
  samples.forEach((id, i) => {
    const node = byId.get(id)!;
    if (node.callFrame.functionName === IDLE) return;
    // A sample lasts until the next one.
    const micros = Math.max(0, timeDeltas[i + 1] ?? 0);
    busyMicros += micros;
    const key = `${nameOf(node)}\n${placeOf(node)}`;
    const found = times.get(key);
    if (found === undefined) times.set(key, { node, micros });
    else found.micros += micros;
  });
  return [...times.values()]
    .sort((a, b) => b.micros - a.micros)
    .slice(0, TOP_FUNCTIONS)
    .map(({ node, micros }) => ({
      function: nameOf(node),
      at: placeOf(node),
      self_ms: micros / MICROS_PER_MS,
      share: micros / busyMicros,
    }));
}

function nameOf({ callFrame }: CpuNode): string {
  return callFrame.functionName === '' ? '(anonymous)' : callFrame.functionName;
}

function placeOf({ callFrame: { url, lineNumber } }: CpuNode): string {
  return url === '' ? '' : `${url.replace(/^file:\/\//, '')}:${lineNumber + 1}`;
}
