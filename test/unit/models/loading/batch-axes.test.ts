import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RowVerdict } from '../../../../src/backends/backend.ts';
import type { BatchAxis, Signature, Signatures } from '../../../../src/core/signature.ts';
import { decideAxes } from '../../../../src/models/loading/batch-axes.ts';
import type { LoadServableOptions } from '../../../../src/models/loading/load-options.ts';
import type { LoadStep, VersionDraft } from '../../../../src/models/loading/load-steps.ts';
import { signatureOf } from '../../../support/row-models.ts';

const FIX = 'if the rows are independent, declare the batch axis in pillion.yaml';
const ROWS: RowVerdict = { kind: 'rows', reason: 'each op keeps rows apart' };

interface Version {
  readonly signatures: Signatures;
  readonly declared?: Signatures;
  readonly verdict?: RowVerdict | undefined;
  readonly isElsewhere?: boolean;
  readonly isPadding?: boolean;
  readonly steps?: readonly LoadStep[];
  readonly watchSignatures?: VersionDraft['opened']['host']['watchSignatures'];
}

/** Decides the axes of a version, and tells what was asked and logged. */
async function decide(version: Version) {
  const { signatures, declared = new Map(), isElsewhere = false, watchSignatures, steps = [] } = version;
  const told: string[] = [];
  const warnings: string[] = [];
  const draft = {
    model: { name: 'm' },
    version: 1n,
    batching: { isBatchingEnabled: true },
    opened: { host: { executor: { isElsewhere }, watchSignatures } },
    ...{ signatures, declared, onServed: [], onEnd: [] },
    paddings: version.isPadding === true ? new Map() : undefined,
    judge: async (name: string) => {
      told.push(`judges ${name}`);
      return version.verdict;
    },
    onDecided: (name: string, { kind }: BatchAxis) => void told.push(`${name} ${kind}`),
  } as unknown as VersionDraft;
  const onWarning = (_model: string, _version: bigint, text: string) => void warnings.push(text);
  await decideAxes({ loadSteps: steps, events: { onWarning } } as unknown as LoadServableOptions, draft);
  return { draft, told, warnings };
}

const single = (signature: Signature): Signatures => new Map([['s', signature]]);

async function axisOf(candidate: BatchAxis, verdict: RowVerdict | undefined): Promise<BatchAxis> {
  return (await decide({ signatures: single(signatureOf(candidate)), verdict })).draft.signatures.get('s')!.batchAxis;
}

describe('the batch axes of a version', () => {
  it('are those that the owner declares, and nobody is asked', async () => {
    const reason = 'declared in pillion.yaml';
    const off = signatureOf({ kind: 'none', reason });
    const obeyed = await decide({ signatures: single(signatureOf()), declared: single(off) });
    const { batchAxis, hasRows } = obeyed.draft.signatures.get('s')!;
    assert.deepEqual([batchAxis, hasRows, obeyed.told], [{ kind: 'none', reason }, true, ['s none']]);
    const batchAxes = new Map<string, number | 'same'>([['x', 1]]);
    const onDim1 = { ...signatureOf({ kind: 'dynamic', reason }), batchAxes };
    const { draft } = await decide({ signatures: single(signatureOf({ kind: 'none' })), declared: single(onDim1) });
    assert.deepEqual(draft.signatures.get('s'), { ...onDim1, hasRows: true });
  });

  it('are those that a backend has decided, and none where there is no candidate', async () => {
    const decided = { kind: 'dynamic', reason: 'another server' } as const;
    const { draft, told } = await decide({ signatures: single(signatureOf(decided)) });
    assert.deepEqual([draft.signatures.get('s')!.batchAxis, told], [decided, ['s dynamic']]);
    const none = await axisOf({ kind: 'none' }, ROWS);
    assert.deepEqual([none.kind, none.fix], ['none', undefined]);
  });

  it('are candidates that the graph proves, and no others', async () => {
    assert.deepEqual(await axisOf({ kind: 'dynamic' }, ROWS), { kind: 'dynamic', reason: 'proved from the graph' });
    const reason = 'node "/attn/Softmax" takes its sum over dim 0';
    assert.deepEqual(await axisOf({ kind: 'dynamic' }, { kind: 'mixed', reason }), { kind: 'none', reason });
    const undecided = { kind: 'undecided', reason: 'no rule for Frob' } as const;
    assert.deepEqual(await axisOf({ kind: 'fixed', size: 4 }, undecided), {
      kind: 'none',
      reason: 'the graph does not prove it: no rule for Frob',
      fix: FIX,
    });
    const unread = await axisOf({ kind: 'dynamic' }, undefined);
    assert.deepEqual(unread, { kind: 'none', reason: 'the graph does not prove it: it cannot be read', fix: FIX });
  });

  it('are those that a step has found, before the graph is asked', async () => {
    const found = signatureOf({ kind: 'dynamic', reason: 'seen in 9 runs' });
    const seen: Signatures[] = [];
    const run = (draft: VersionDraft): void => {
      seen.push(draft.signatures);
      draft.signatures = new Map([...draft.signatures, ['s', found]]);
    };
    const signatures = new Map([
      ['s', signatureOf()],
      ['t', signatureOf()],
    ]);
    const { draft, told } = await decide({ signatures, verdict: ROWS, steps: [{ stage: 'axes', run }] });
    assert.deepEqual([seen, draft.signatures.get('s')], [[signatures], found]);
    assert.deepEqual(told, ['judges t', 't dynamic']);
  });

  it('are told of with a warning where lengths are to share runs and nothing proves it', async () => {
    const signatures = single(signatureOf());
    const alone = await decide({ signatures, verdict: ROWS, isPadding: true });
    assert.match(alone.warnings.join(), /^pad_variable_length_inputs needs the feature row-proofs/);
    const steps: readonly LoadStep[] = [{ stage: 'axes', run: () => undefined }];
    assert.deepEqual((await decide({ signatures, verdict: ROWS, isPadding: true, steps })).warnings, []);
  });
});

describe('VersionBatching', () => {
  it('joins no rows of a model that another server runs, unless there is a reason', async () => {
    const told: BatchAxis = { kind: 'dynamic', reason: 'as its server says' };
    const declared: BatchAxis = { kind: 'dynamic', reason: 'declared in pillion.yaml' };
    const unknown = single(signatureOf());
    for (const [version, kind, reason] of [
      [{ signatures: unknown }, 'none', 'another server runs it, so nothing can be tried here'],
      [{ signatures: single(signatureOf({ kind: 'none' })) }, 'none', undefined],
      [{ signatures: single(signatureOf(told)) }, 'dynamic', told.reason],
      [{ signatures: unknown, declared: single(signatureOf(declared)) }, 'dynamic', declared.reason],
    ] as const) {
      const { draft, told: asked } = await decide({ ...version, isElsewhere: true });
      const axis = draft.signatures.get('s')!.batchAxis;
      assert.deepEqual([axis.kind, axis.reason, asked], [kind, reason, [`s ${kind}`]]);
    }
  });

  it('follows what the other server says later, but for what the owner declares', async () => {
    const dynamic = { kind: 'dynamic', reason: 'proved there' } as const;
    const none = { kind: 'none', reason: 'mixed there' } as const;
    let tell: (signatures: Signatures) => void = () => assert.fail('nobody listens');
    const { draft } = await decide({
      isElsewhere: true,
      signatures: new Map([
        ['s', signatureOf(none)],
        ['t', signatureOf(none)],
      ]),
      declared: new Map([['t', signatureOf({ kind: 'dynamic', reason: 'declared in pillion.yaml' })]]),
      watchSignatures: (followed, onChange) => {
        assert.deepEqual([...followed], ['s']);
        tell = onChange;
      },
    });
    const served: (readonly [string, string | undefined])[] = [];
    for (const follow of draft.onServed) {
      follow({ queuedTasks: 0, runningBatches: 0 }, async (changed) => {
        for (const [name, { batchAxis }] of changed) served.push([name, batchAxis.reason]);
      });
    }
    const all = (axis: BatchAxis): Signatures =>
      new Map([
        ['s', signatureOf(axis)],
        ['t', signatureOf(axis)],
      ]);
    for (const axis of [dynamic, none]) tell(all(axis));
    for (const end of draft.onEnd) end();
    tell(all(dynamic));
    assert.deepEqual(served, [
      ['s', 'proved there'],
      ['s', 'mixed there'],
    ]);
  });
});
