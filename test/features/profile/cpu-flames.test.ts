import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cpuFlames } from '../../../src/features/profile/cpu-flames.ts';
import { type CpuProfile, CpuSampler } from '../../../src/features/profile/cpu-sampler.ts';

function node(id: number, functionName: string, children: number[] = [], url = ''): CpuProfile['nodes'][number] {
  const callFrame = { functionName, scriptId: '0', url, lineNumber: 6, columnNumber: 0 };
  return { id, callFrame, children };
}

/** main → { work → deep, rest }, and idle. Samples are 10 µs apart. */
const PROFILE: CpuProfile = {
  nodes: [
    node(1, '(root)', [2, 6]),
    node(2, 'main', [3, 5]),
    node(3, 'work', [4], 'file:///app/work.js'),
    node(4, 'deep'),
    node(5, ''),
    node(6, '(idle)'),
  ],
  startTime: 1000,
  endTime: 1070,
  samples: [4, 4, 3, 5, 6, 6],
  timeDeltas: [10, 10, 10, 10, 10, 10],
};

describe('flames of a CPU profile', () => {
  it('are spans of what was on the stack, from the sample that saw it to the one that did not', () => {
    const { spans, dropped, samples } = cpuFlames(PROFILE, 100);
    const found = spans.map(({ name, startMs, endMs }) => [name, startMs, endMs]);
    assert.deepEqual(found.sort(), [
      ['(anonymous)', 1.04, 1.05],
      ['deep', 1.01, 1.03],
      ['main', 1.01, 1.05],
      ['work', 1.01, 1.04],
    ]);
    assert.deepEqual(spans.find(({ name }) => name === 'work')!.args, { at: '/app/work.js:7' });
    assert.deepEqual([dropped, samples], [0, 6]);
  });

  it('count what does not fit', () => {
    const { spans, dropped } = cpuFlames(PROFILE, 1);
    assert.deepEqual([spans.length, dropped], [1, 3]);
  });

  it('tell which functions took the time themselves, idle time left out', () => {
    const { topFunctions } = cpuFlames(PROFILE, 100);
    assert.deepEqual(
      topFunctions.map(({ function: name, self_ms, share }) => [name, self_ms, share]),
      [
        ['deep', 0.02, 0.5],
        ['work', 0.01, 0.25],
        ['(anonymous)', 0.01, 0.25],
      ],
    );
  });

  it('are of this process’s own clock where V8 made the profile', async () => {
    const now = (): number => Number(process.hrtime.bigint()) / 1e6;
    const sampler = new CpuSampler();
    const before = now();
    await sampler.start(1000);
    const start = process.cpuUsage();
    let busy = 0;
    // By its own time: a process that is held up has no samples, however long that lasts.
    while (process.cpuUsage(start).user < 50_000) busy += 1;
    const profile = await sampler.stop();
    const after = now();
    const { spans } = cpuFlames(profile, 1000);
    sampler.close();
    assert.ok(busy > 0);
    const inside = spans.filter(({ startMs, endMs }) => startMs > before - 5 && endMs < after + 5);
    assert.ok(inside.length > 0, JSON.stringify({ before, after, spans: spans.slice(0, 5) }));
    assert.deepEqual(inside, spans);
  });
});
