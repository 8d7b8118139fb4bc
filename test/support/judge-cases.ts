/** Cases of `judgeGraph` on small graphs: one test each, from x (and what else is named) to y. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RowVerdict } from '../../src/backends/backend.ts';
import { judgeGraph } from '../../src/backends/onnx/graph/judge-graph.ts';
import type { BatchAxes } from '../../src/core/signature.ts';
import { type GraphDims, type GraphModel, type GraphNode, type GraphTensor, graphModel } from './onnx-graph.ts';

export interface JudgeCase {
  /** Dims of the inputs by name; float32. */
  readonly inputs?: Readonly<Record<string, GraphDims>>;
  readonly ints?: Readonly<Record<string, GraphDims>>;
  readonly texts?: Readonly<Record<string, GraphDims>>;
  readonly nodes: readonly GraphNode[];
  readonly constants?: Readonly<Record<string, GraphTensor>>;
  readonly outputs?: readonly string[];
  readonly axes?: Readonly<Record<string, number | 'same'>>;
  readonly opset?: number;
  readonly functions?: GraphModel['functions'];
}

/** The case as a model; x is [N, 4] if no input is named. */
export function caseModel({ inputs, ints, texts, nodes, constants, outputs = ['y'], opset, functions }: JudgeCase) {
  const values = (dims: Readonly<Record<string, GraphDims>> | undefined, type: 'float' | 'int64' | 'string') =>
    Object.entries(dims ?? {}).map(([name, of]) => [name, { type, dims: of }] as const);
  const given = [...values(inputs, 'float'), ...values(ints, 'int64'), ...values(texts, 'string')];
  return graphModel({
    inputs: Object.fromEntries(given.length > 0 ? given : [['x', { type: 'float', dims: ['N', 4] }]]),
    outputs: Object.fromEntries(outputs.map((name) => [name, { type: 'float' }])),
    nodes,
    ...(constants && { constants }),
    ...(opset !== undefined && { opsets: { '': opset } }),
    ...(functions && { functions }),
  });
}

export async function judgeBytes(bytes: Uint8Array, axes?: BatchAxes): Promise<RowVerdict> {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-'));
  try {
    const file = join(directory, 'model.onnx');
    writeFileSync(file, bytes);
    return await judgeGraph(file, axes);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export function judgeCase(judged: JudgeCase): Promise<RowVerdict> {
  return judgeBytes(caseModel(judged), judged.axes && new Map(Object.entries(judged.axes)));
}

/** A test for each case: `expected` is the verdict, and for others than rows words of the reason. */
export function testCases(
  expected: RowVerdict['kind'],
  cases: Readonly<Record<string, readonly [JudgeCase, RegExp?]>>,
) {
  for (const [title, [judged, reason = /./]] of Object.entries(cases)) {
    test(`${expected}: ${title}`, async () => {
      const verdict = await judgeCase(judged);
      assert.equal(verdict.kind, expected, verdict.reason);
      assert.match(verdict.reason, reason);
    });
  }
}
