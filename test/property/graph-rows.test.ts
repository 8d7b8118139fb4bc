/**
 * No graph whose rows are mixed is judged to keep them apart, and nearly all that keep them apart are found. The truth is
 * known by construction, and a sample of it is checked by running: rows alone against rows in company.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { judgeGraph } from '../../src/backends/onnx/graph/judge-graph.ts';
import { InferenceSession, Tensor } from '../../src/internals/ort-library.ts';
import { graphModel } from '../support/onnx-graph.ts';
import { ROWS } from '../support/row-chain.ts';
import { type GraphPlan, type RowGraph, rowGraph } from '../support/row-graphs.ts';

const RUNS = Number(process.env['PILLION_GRAPH_RUNS'] ?? 1000);
const RUN_BY_RUNTIME = 150;
const LEAST_FOUND = 0.9;

const directory = mkdtempSync(join(tmpdir(), 'pillion-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const step = fc.record({ kind: fc.nat({ max: 10_000 }), axis: fc.nat({ max: 3 }), choice: fc.nat({ max: 30 }) });
const plan: fc.Arbitrary<GraphPlan> = fc.integer({ min: 2, max: 4 }).chain((rank) =>
  fc.record({
    dims: fc.array(fc.integer({ min: 2, max: 4 }), { minLength: rank, maxLength: rank }),
    at: fc.nat({ max: rank - 1 }),
    opset: fc.constantFrom(11, 12, 13, 17, 18),
    isFree: fc.boolean(),
    steps: fc.array(step, { minLength: 1, maxLength: 6 }),
  }),
);

async function judge(graph: RowGraph, bytes: Uint8Array) {
  const file = join(directory, 'model.onnx');
  writeFileSync(file, bytes);
  return await judgeGraph(
    file,
    new Map([
      ['x', graph.inputAt],
      ['y', graph.outputAt],
    ]),
  );
}

test(`of ${RUNS} graphs, none that mixes rows is judged to keep them apart`, async (t) => {
  const counts = { apart: 0, found: 0, mixed: 0 };
  const missed: string[] = [];
  await fc.assert(
    fc.asyncProperty(plan, async (drawn) => {
      const graph = rowGraph(drawn);
      const verdict = await judge(graph, graphModel(graph.model));
      if (graph.mixes) {
        counts.mixed += 1;
        assert.notEqual(verdict.kind, 'rows', `${graph.story.join('; ')}: ${verdict.reason}`);
        return;
      }
      counts.apart += 1;
      if (verdict.kind === 'rows') counts.found += 1;
      else missed.push(`${verdict.reason} <- ${graph.story.join('; ')}`);
    }),
    { numRuns: RUNS },
  );
  assert.ok(counts.mixed > RUNS / 10 && counts.apart > RUNS / 10, JSON.stringify(counts));
  t.diagnostic(JSON.stringify(counts));
  const share = counts.found / counts.apart;
  assert.ok(share >= LEAST_FOUND, `${share} of ${counts.apart} found; missed ${missed.slice(0, 5).join('\n')}`);
});

test('the truth by construction is what the runtime does with rows alone and in company', async (t) => {
  const counts = { mixed: 0, seen: 0 };
  await fc.assert(
    fc.asyncProperty(plan, async (drawn) => {
      const graph = rowGraph(drawn);
      const bytes = graphModel(graph.model);
      const session = await InferenceSession.create(bytes, { logSeverityLevel: 4, intraOpNumThreads: 1 });
      try {
        const isApart = await keepsApart(session, graph);
        if (graph.mixes) {
          counts.mixed += 1;
          if (!isApart) counts.seen += 1;
        } else assert.ok(isApart, graph.story.join('; '));
        if (!isApart) assert.notEqual((await judge(graph, bytes)).kind, 'rows', graph.story.join('; '));
      } finally {
        await session.release();
      }
    }),
    { numRuns: RUN_BY_RUNTIME },
  );
  t.diagnostic(JSON.stringify(counts));
  // A mixture may hide behind a Relu of negative numbers, but rarely does.
  assert.ok(counts.seen >= 0.7 * counts.mixed, JSON.stringify(counts));
});

test('a model of damaged bytes is judged, and nothing is thrown', async () => {
  const damage = fc.record({ at: fc.nat({ max: 100_000 }), byte: fc.nat({ max: 255 }) });
  const damages = fc.array(damage, { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(plan, damages, fc.nat({ max: 20 }), async (drawn, bytes, cut) => {
      const graph = rowGraph(drawn);
      const model = graphModel(graph.model);
      for (const { at, byte } of bytes) model[at % model.length] = byte;
      const { kind, reason } = await judge(graph, cut === 0 ? model.subarray(0, model.length >> 1) : model);
      assert.ok(['rows', 'mixed', 'undecided'].includes(kind) && reason.length > 0);
      assert.doesNotMatch(reason, /cannot read prop|is not a function|of undefined|not iterable|invalid array/i);
    }),
    { numRuns: RUNS },
  );
});

interface Rows {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** Whether each row alone, and beside others, gives what it gives in the batch. */
async function keepsApart(session: InferenceSession, graph: RowGraph): Promise<boolean> {
  const { inputDims, inputAt, outputAt } = graph;
  const count = inputDims.reduce((a, b) => a * b, 1);
  const x = { dims: inputDims, data: Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7) * 2 + 0.1) };
  const company = await run(session, x);
  for (let row = 0; row < ROWS; row++) {
    const alone = await run(session, rowOf(x, inputAt, row));
    if (!isSame(alone, rowOf(company, outputAt, row))) return false;
    const strangers = await run(session, withOthers(x, inputAt, row));
    if (!isSame(rowOf(strangers, outputAt, row), rowOf(company, outputAt, row))) return false;
  }
  return true;
}

async function run(session: InferenceSession, x: Rows): Promise<Rows> {
  const { y } = await session.run({ x: new Tensor('float32', x.data, x.dims) });
  return { dims: y!.dims, data: Float32Array.from(y!.data as Float32Array) };
}

/** Elements of one index of an axis. */
function rowOf({ dims, data }: Rows, at: number, row: number): Rows {
  const inner = dims.slice(at + 1).reduce((a, b) => a * b, 1);
  const kept = data.filter((_, i) => Math.floor(i / inner) % dims[at]! === row);
  return { dims: dims.map((dim, axis) => (axis === at ? 1 : dim)), data: kept };
}

function withOthers({ dims, data }: Rows, at: number, row: number): Rows {
  const inner = dims.slice(at + 1).reduce((a, b) => a * b, 1);
  const isRow = (i: number) => Math.floor(i / inner) % dims[at]! === row;
  return { dims, data: data.map((value, i) => (isRow(i) ? value : Math.cos(i * 3.1) * 5 - value)) };
}

function isSame(a: Rows, b: Rows): boolean {
  if (a.dims.join() !== b.dims.join() || a.data.length !== b.data.length) return false;
  return a.data.every((value, i) => Math.abs(value - b.data[i]!) <= 1e-3 * Math.max(1, Math.abs(value)));
}
