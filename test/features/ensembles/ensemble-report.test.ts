/** An ensemble's section: its graph, and each sentence in a state where it is so and in one where it is not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planEnsemble } from '../../../src/features/ensembles/ensemble-plan.ts';
import { EnsembleReport, PLAN } from '../../../src/features/ensembles/ensemble-report.ts';
import type { ReadRequest } from '../../../src/ledger/recorder/read-request.ts';
import type { RequestOutcome } from '../../../src/ledger/request-record.ts';
import type { Follower } from '../../../src/ledger/telemetry.ts';
import type { EnsembleDeclaration } from '../../../src/models/loading/declared-ensemble.ts';
import { Servable } from '../../../src/models/serving/servable.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { signature, spec } from '../../support/puppet-models.ts';

const SIGNATURE = signature({ x: spec('float32', [-1, 4]) }, { y: spec('float32', [-1, 4]) });

type Step = readonly [model: string, from: string, to: string];

const CHAIN: readonly Step[] = [
  ['detect', 'page', 'crops'],
  ['read', 'crops', 'text'],
];

/** A step that took so long. */
function ended(model: string, tookMs: number, outcome: RequestOutcome = 'ok') {
  return { model, version: '1', outcome, stages: { startedAt: 0, finishedAt: tookMs } };
}

function reporting(steps: readonly Step[]) {
  const declared = {
    steps: steps.map(([model, from, to]) => ({ model, inputs: new Map([['x', from]]), outputs: new Map([['y', to]]) })),
  } as EnsembleDeclaration;
  const plan = planEnsemble(
    declared,
    steps.map(() => SIGNATURE),
    (problem) => assert.fail(problem),
  );
  const runner = { close: () => Promise.resolve() } as ConstructorParameters<typeof Servable>[3];
  const ocr = new Servable('ocr', 1n, new Map(), runner);
  ocr.facts.set(PLAN, plan);
  const followers = new Set<Follower>();
  const report = new EnsembleReport({
    clock: new FakeClock(),
    servables: () => [ocr, new Servable('detect', 1n, new Map(), runner)],
    follow: (follower) => {
      followers.add(follower);
      return () => followers.delete(follower);
    },
    settle: () => undefined,
  });
  const tell = (...own: readonly ReturnType<typeof ended>[]): void => {
    for (const each of followers) each.recordRequest!({ model: 'ocr', steps: own } as unknown as ReadRequest);
  };
  const said = (): string =>
    report
      .ofModel('ocr')!
      .sentences.map(({ text, tone }) => `${tone}: ${text}`)
      .join('\n');
  return { report, tell, said, followers };
}

describe('the section of an ensemble', () => {
  it('draws the steps between the request and the answer, with their tensors', () => {
    const { graph, tables } = reporting(CHAIN).report.ofModel('ocr')!;
    assert.deepEqual(
      graph!.nodes.map(({ title }) => title),
      ['request', 'detect', 'read', 'answer'],
    );
    assert.deepEqual(graph!.edges, [
      { from: 0, to: 1, label: 'page' },
      { from: 1, to: 2, label: 'crops' },
      { from: 2, to: 3, label: 'text' },
    ]);
    assert.deepEqual(tables![1]!.rows[1], { tensor: 'crops', type: 'float32 [?,4]', from: 'detect', to: 'read' });
  });

  it('is there for ensembles alone', () => {
    assert.equal(reporting(CHAIN).report.ofModel('detect'), undefined);
    assert.equal(reporting(CHAIN).report.ofModel('none'), undefined);
  });

  it('says which step takes longest once steps have ended', () => {
    const { report, tell, said } = reporting(CHAIN);
    report.watch(true);
    assert.equal(said(), 'plain: No step has ended in the last half minute.');
    tell(ended('detect', 30), ended('read', 5));
    assert.equal(said(), 'plain: The step that takes longest is detect.');
    const [steps] = report.ofModel('ocr')!.tables!;
    assert.ok(Math.abs(Number(steps!.rows[0]!['p50']) - 30) < 2);
    assert.equal(steps!.rows[0]!['rate'], 1);
  });

  it('warns of steps that failed, by their member', () => {
    const { report, tell, said } = reporting(CHAIN);
    report.watch(true);
    tell(ended('detect', 3), ended('read', 1, 'backend_failed'));
    assert.match(said(), /^warn: 1 steps of read failed/m);
    assert.doesNotMatch(said(), /steps of detect failed/);
  });

  it('says that steps of one model are counted together where there are two', () => {
    const twice = reporting([...CHAIN, ['read', 'text', 'again']]);
    assert.match(twice.said(), /Steps of one model are counted together/);
    assert.doesNotMatch(reporting(CHAIN).said(), /counted together/);
  });

  it('follows requests only while somebody looks', () => {
    const { report, followers } = reporting(CHAIN);
    assert.equal(followers.size, 0);
    report.watch(true);
    assert.equal(followers.size, 1);
    report.watch(false);
    assert.equal(followers.size, 0);
  });
});
