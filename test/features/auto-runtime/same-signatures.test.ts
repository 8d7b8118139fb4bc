import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Signature } from '../../../src/core/signature.ts';
import { elements, type NumericTensor, numericTensor } from '../../../src/core/tensor.ts';
import { onlyThoseOf, signatureMismatch } from '../../../src/features/auto-runtime/same-signatures.ts';
import { widenedAs } from '../../../src/features/auto-runtime/widened-outputs.ts';
import { PuppetExecutor } from '../../support/puppet-executor.ts';
import { signature, spec } from '../../support/puppet-models.ts';

const DIGITS = signature(
  { pixels: spec('float32', [-1, 64]) },
  { probabilities: spec('float32', [-1, 10]), digit: spec('int64', [-1]) },
);
const of = (one: Signature, name = 's') => new Map([[name, one]]);
const withDigit = (digit: ReturnType<typeof spec>): Signature => ({
  ...DIGITS,
  outputs: new Map([...DIGITS.outputs, ['digit', digit]]),
});

describe('signatures of two artifacts', () => {
  it('are the same whatever the runtime calls its tensors and whether requests share runs', () => {
    const other = { ...withDigit(spec('int64', [-1], 'PartitionedCall:0')), batchAxis: { kind: 'none' } as const };
    assert.equal(signatureMismatch(of(DIGITS), of(other)), undefined);
  });

  it('are not where a name, dtype, shape, method or default differs, and it is said which', () => {
    const { inputs, outputs } = DIGITS;
    const x = numericTensor('float32', [1], new Float32Array(1));
    const cases: readonly [Partial<Signature>, RegExp][] = [
      [{ inputs: new Map([['image', spec('float32', [-1, 64])]]) }, /^signature "s": it has the input "image" too$/],
      [{ inputs: new Map() }, /it has no input "pixels"/],
      [
        { inputs: new Map([['pixels', spec('float64', [-1, 64])]]) },
        /input "pixels" is float64 \[\?,64\], not float32/,
      ],
      [{ inputs: new Map([['pixels', { ...spec('float32', []), shape: undefined }]]) }, /is float32 of any rank, not/],
      [{ outputs: new Map([['digit', outputs.get('digit')!]]) }, /it has no output "probabilities"/],
      [{ outputs: new Map([...outputs, ['logits', spec('float32', [-1])]]) }, /it has the output "logits" too/],
      [{ outputs: withDigit(spec('float32', [-1])).outputs }, /output "digit" is float32 \[\?\], not int64 \[\?\]/],
      [{ methodName: 'tensorflow/serving/regress' }, /its method is tensorflow\/serving\/regress/],
      [{ defaults: new Map([['pixels', x]]), inputs }, /only one of the two has a default for input "pixels"/],
    ];
    for (const [change, text] of cases) {
      assert.match(signatureMismatch(of(DIGITS), of({ ...DIGITS, ...change })) ?? 'the same', text);
    }
    assert.match(signatureMismatch(of(DIGITS), new Map()) ?? '', /signature "s": it has no such signature/);
  });

  it('may be more on one side, and what is more is not served', () => {
    const more = new Map([['classify', DIGITS], ...of(DIGITS)]);
    assert.equal(signatureMismatch(of(DIGITS), more), undefined);
    assert.deepEqual([...onlyThoseOf(of(DIGITS), more).keys()], ['s']);
  });
});

describe('an int32 output in the place of an int64 one', () => {
  it('counts as the same, is shown as int64, and is made wide', async () => {
    const narrow = of(withDigit(spec('int32', [-1])));
    assert.equal(signatureMismatch(of(DIGITS), narrow), undefined);
    const puppet = new PuppetExecutor();
    const { executor, signatures } = widenedAs(of(DIGITS), { executor: puppet, signatures: narrow });
    assert.equal(signatures.get('s')!.outputs.get('digit')!.dtype, 'int64');
    const running = executor.run({ signatureName: 's', inputs: new Map(), outputs: [], size: 3, deadline: Infinity });
    const digit = numericTensor('int32', [3], Int32Array.of(7, -1, 2 ** 31 - 1));
    const probabilities = numericTensor('float32', [1], Float32Array.of(0.5));
    puppet.runs[0]!.complete({
      outputs: new Map([
        ['probabilities', probabilities],
        ['digit', digit],
      ]),
      runStart: 5,
      runEnd: 6,
    });
    const { outputs, runStart, runEnd } = await running;
    assert.deepEqual([runStart, runEnd, [...outputs.keys()]], [5, 6, ['probabilities', 'digit']]);
    assert.equal(outputs.get('probabilities'), probabilities);
    assert.deepEqual([...elements(outputs.get('digit') as NumericTensor)], [7n, -1n, 2147483647n]);
  });

  it('is no input in the place of an int64 one, nor the other way round', () => {
    const wide = signature({ n: spec('int64', [-1]) }, { y: spec('int32', [-1]) });
    const narrow = signature({ n: spec('int32', [-1]) }, { y: spec('int32', [-1]) });
    assert.match(signatureMismatch(of(wide), of(narrow)) ?? '', /input "n" is int32/);
    const wideOut = signature({ n: spec('int64', [-1]) }, { y: spec('int64', [-1]) });
    assert.match(signatureMismatch(of(wide), of(wideOut)) ?? '', /output "y" is int64 \[\?\], not int32/);
  });

  it('leaves an executor alone that needs nothing', () => {
    const candidate = { executor: new PuppetExecutor(), signatures: of(DIGITS) };
    assert.equal(widenedAs(of(DIGITS), candidate), candidate);
  });
});
