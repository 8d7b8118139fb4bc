import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import {
  DEFAULT_WORKLOADS,
  findWorkload,
  readOptions,
  WORKLOADS_DIRECTORY,
} from '../../../../bench/overload/options.ts';
import { parseWorkload } from '../../../../bench/overload/workload.ts';

const MODEL = { name: 'm', file: 'mlp_mid', latency: { baseMs: 1, perRowMs: 0.1 } };
const STREAM = { model: 'm', load: 1, objectiveMs: 50, arrivals: { kind: 'poisson' } };

function withStream(stream: object): unknown {
  return { name: 'w', models: [MODEL], streams: [{ ...STREAM, ...stream }] };
}

describe('a workload', () => {
  it('of ours is read, and is named as its file', () => {
    const files = readdirSync(WORKLOADS_DIRECTORY).filter((file) => file.endsWith('.json'));
    for (const file of files) assert.equal(`${findWorkload(file.slice(0, -5)).name}.json`, file);
    for (const name of DEFAULT_WORKLOADS) assert.ok(files.includes(`${name}.json`), name);
  });

  it('has copies under numbered names, of which a stream takes all or one', () => {
    const { models, streams } = parseWorkload({
      name: 'w',
      models: [MODEL, { ...MODEL, name: 'z', copies: 3 }],
      streams: [STREAM, { ...STREAM, model: 'z', zipf: 1.1 }, { ...STREAM, model: 'z-1' }],
    });
    assert.deepEqual(
      models.map(({ name }) => name),
      ['m', 'z-0', 'z-1', 'z-2'],
    );
    assert.deepEqual(
      streams.map((stream) => stream.models),
      [[0], [1, 2, 3], [2]],
    );
  });

  it('tells callers apart, and whose requests are judged', () => {
    const { callerHeader, streams } = parseWorkload({
      ...{ name: 'w', callerHeader: 'x-tenant', models: [MODEL] },
      streams: [
        { ...STREAM, caller: 'good' },
        { ...STREAM, caller: 'bad', judged: false },
      ],
    });
    assert.equal(callerHeader, 'x-tenant');
    assert.deepEqual(
      streams.map(({ caller, isJudged }) => [caller, isJudged]),
      [
        ['good', true],
        ['bad', false],
      ],
    );
  });

  it('that is wrong says where, what is there and what is wanted', () => {
    const cases: readonly [value: unknown, text: RegExp][] = [
      [[], /^Error: workload is \[\]; wanted is an object/],
      [{ name: 'w', models: [], streams: [STREAM] }, /workload: models is \[\]; wanted is a list of at least one/],
      [withStream({ load: -1 }), /streams\[0\]\.load is -1; wanted is a number from 0.001 to 100/],
      [withStream({ load: '1' }), /streams\[0\]\.load is "1"/],
      [withStream({ objectiveMs: undefined }), /streams\[0\]\.objectiveMs is missing/],
      [withStream({ objectives: 1 }), /streams\[0\] has objectives; known are/],
      [withStream({ model: 'n' }), /streams\[0\]\.model: no model is named "n"; there is m/],
      [
        withStream({ arrivals: { kind: 'pareto' } }),
        /kind is "pareto"; wanted is poisson, gamma, bursts or azure-like/,
      ],
      [
        withStream({ arrivals: { kind: 'bursts', factor: 4, onMs: 100, offMs: 200 } }),
        /factor is 4; wanted is at most .* = 3/,
      ],
      [withStream({ judged: 'no' }), /streams\[0\]\.judged is "no"; wanted is true or false/],
      [withStream({ judged: false }), /no stream is judged/],
      [withStream({ caller: 'a' }), /a stream has a caller, but there is no callerHeader/],
      [withStream({ profile: [{ share: 0.5, factor: 1 }] }), /profile is "shares that add up to 0.5"/],
      [{ ...(withStream({}) as object), models: [MODEL, MODEL] }, /two models are named "m"/],
      [
        { ...(withStream({}) as object), neighbour: { fromShare: 0.5, toShare: 0.5 } },
        /toShare is 0.5; wanted is more than/,
      ],
    ];
    for (const [value, text] of cases) assert.throws(() => parseWorkload(value), text);
  });
});

describe('the command line', () => {
  it('without options is a whole run that is published', () => {
    const options = readOptions([]);
    assert.equal(options.publish, true);
    assert.equal(options.rounds, 5);
    assert.deepEqual(
      options.workloads.map(({ name }) => name),
      DEFAULT_WORKLOADS,
    );
  });

  it('with any leaves what is published alone', () => {
    assert.equal(readOptions(['--seconds=1']).publish, false);
    assert.equal(readOptions(['--quick', '--publish']).publish, false);
    assert.deepEqual([readOptions(['--quick']).rounds, readOptions(['--quick']).seconds], [1, 1.5]);
  });

  it('has a pilot round choose, unless it names contestants or wants them all', () => {
    assert.deepEqual(
      [[], ['--contestants=pillion,edf'], ['--all']].map((args) => readOptions(args).hasPilot),
      [true, false, false],
    );
    assert.deepEqual(
      readOptions(['--contestants=pillion,edf']).contestants.map(({ name }) => name),
      ['pillion', 'edf'],
    );
  });

  it('goes on with a run that is published, too', () => {
    const { publish, resume } = readOptions(['--resume']);
    assert.deepEqual([publish, resume], [true, true]);
  });

  it('that is wrong says what there is', () => {
    assert.throws(() => readOptions(['--workloads=nope']), /there is no workload "nope"/);
    assert.throws(
      () => readOptions(['--contestants=pillion,nope']),
      /--contestants has nope; there is pillion, greedy/,
    );
    assert.throws(() => readOptions(['--rounds=1.5']), /--rounds is 1.5; a whole number/);
    assert.throws(() => readOptions(['--seconds=soon']), /--seconds is soon/);
  });
});
