/**
 * Reads the ops of a traced run from TensorFlow's RunMetadata (tensorflow/core/protobuf/config.proto) and StepStats
 * (tensorflow/core/framework/step_stats.proto).
 *
 *   RunMetadata {1 step_stats}   StepStats {1 dev_stats}   DeviceStepStats {2 node_stats}
 *   NodeExecStats {1 node_name, 8 timeline_label, 13 all_start_nanos, 14 op_start_rel_nanos, 15 op_end_rel_nanos}
 *
 * A label is "hidden/MatMul = MatMul(x, hidden/kernel)", with the allocations in brackets before it.
 */
import { lengthDelimited, varintTag, WireReader } from '../../codec/protobuf/wire-reader.ts';
import type { OpTime } from '../op-profile.ts';

const STEP_STATS = lengthDelimited(1);
const DEV_STATS = lengthDelimited(1);
const NODE_STATS = lengthDelimited(2);
const NODE_NAME = lengthDelimited(1);
const TIMELINE_LABEL = lengthDelimited(8);
const ALL_START_NANOS = varintTag(13);
const OP_START_REL_NANOS = varintTag(14);
const OP_END_REL_NANOS = varintTag(15);

interface NodeStats {
  readonly node: string;
  readonly op: string;
  /** The start, in nanoseconds since 1970. */
  readonly startNanos: bigint;
  readonly durationNanos: number;
}

/** The run's ops in the order of their start, relative to the first. Throws `invalid_request` for other bytes. */
export function opsIn(metadata: Uint8Array): readonly OpTime[] {
  const stats = nodesIn(metadata).sort((a, b) =>
    a.startNanos < b.startNanos ? -1 : a.startNanos > b.startNanos ? 1 : 0,
  );
  const [first] = stats;
  return stats.map(({ node, op, startNanos, durationNanos }) => ({
    node,
    op,
    startMs: Number(startNanos - first!.startNanos) / 1e6,
    durationMs: durationNanos / 1e6,
  }));
}

function nodesIn(metadata: Uint8Array): NodeStats[] {
  const reader = new WireReader(metadata, 'the RunMetadata');
  const nodes: NodeStats[] = [];
  eachIn(reader, STEP_STATS, () =>
    eachIn(reader, DEV_STATS, () => eachIn(reader, NODE_STATS, () => nodes.push(nodeStats(reader)))),
  );
  return nodes;
}

/** Enters each field of that tag in the current message and calls `read`. */
function eachIn(reader: WireReader, tag: number, read: () => void): void {
  while (reader.next()) {
    if (reader.tag !== tag) {
      reader.skip();
      continue;
    }
    const outer = reader.enter();
    read();
    reader.leave(outer);
  }
}

function nodeStats(reader: WireReader): NodeStats {
  let node = '';
  let label = '';
  let allStart = 0n;
  let opStart = 0n;
  let opEnd = 0n;
  while (reader.next()) {
    if (reader.tag === NODE_NAME) node = reader.string();
    else if (reader.tag === TIMELINE_LABEL) label = reader.string();
    else if (reader.tag === ALL_START_NANOS) allStart = reader.int64();
    else if (reader.tag === OP_START_REL_NANOS) opStart = reader.int64();
    else if (reader.tag === OP_END_REL_NANOS) opEnd = reader.int64();
    else reader.skip();
  }
  return { node, op: opOf(label) ?? node, startNanos: allStart + opStart, durationNanos: Number(opEnd - opStart) };
}

function opOf(label: string): string | undefined {
  return / = (\w+)\(/.exec(label)?.[1];
}
