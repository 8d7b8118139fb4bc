/** Shapes that a SavedModel's signature does not declare, some of which make libtensorflow abort, beside a good caller. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { bytesField, message, messageField } from '../../../../src/codec/protobuf/wire-writer.ts';
import { shapeAttr, tensorAttr, tensorProto, typeAttr, writeSavedModel } from '../../../support/saved-model.ts';
import { killSidecars, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

after(killSidecars);

const SIDE = 28;
const intsAttr = (values: readonly number[]): Uint8Array =>
  messageField(1, message(bytesField(3, Uint8Array.from(values))));
const textAttr = (text: string): Uint8Array => bytesField(2, text);

/** A convolution of pictures, and the mean of what it gives: [?,28,28,1] → [?]. */
function writeConvolution(directory: string): void {
  const ones = new Uint8Array(Float32Array.from({ length: 9 }, () => 1).buffer);
  const axes = new Uint8Array(Int32Array.of(1, 2, 3).buffer);
  const constant = (name: string, dtype: 'float32' | 'int32', dims: readonly number[], bytes: Uint8Array) => ({
    name,
    op: 'Const',
    attrs: { dtype: typeAttr(dtype), value: tensorAttr(tensorProto(dtype, dims, bytes)) },
  });
  const declared = [-1, SIDE, SIDE, 1];
  writeSavedModel(join(directory, '1'), {
    nodes: [
      { name: 'x', op: 'Placeholder', attrs: { dtype: typeAttr('float32'), shape: shapeAttr(declared) } },
      constant('kernel', 'float32', [3, 3, 1, 1], ones),
      constant('axes', 'int32', [3], axes),
      {
        name: 'convolved',
        op: 'Conv2D',
        inputs: ['x', 'kernel'],
        attrs: { T: typeAttr('float32'), strides: intsAttr([1, 1, 1, 1]), padding: textAttr('VALID') },
      },
      {
        name: 'y',
        op: 'Mean',
        inputs: ['convolved', 'axes'],
        attrs: { T: typeAttr('float32'), Tidx: typeAttr('int32') },
      },
    ],
    signatures: {
      serving_default: {
        inputs: { x: { name: 'x:0', dtype: 'float32', shape: declared } },
        outputs: { y: { name: 'y:0', dtype: 'float32', shape: [-1] } },
      },
    },
  });
}

const picture = (side: number): number[][][] =>
  Array.from({ length: side }, () => Array.from({ length: side }, () => [1]));
const FLAT = Array.from({ length: SIDE * SIDE }, () => 1);

async function predict({ rest }: Sidecar, instances: readonly unknown[]): Promise<readonly [number, string]> {
  const body = JSON.stringify({ instances });
  const answer = await fetch(`${rest}/v1/models/pictures:predict`, { method: 'POST', body });
  return [answer.status, await answer.text()];
}

it('a rank that makes libtensorflow abort costs no other caller an answer, and is refused from then on', async (t) => {
  const directory = join(tempDirectory(t), 'pictures');
  writeConvolution(directory);
  const sidecar = await startSidecar([`--model=pictures=${directory}`]);
  let isOver = false;
  const seen = new Map<number, number>();
  const neighbour = (async () => {
    while (!isOver) {
      const [status] = await predict(sidecar, [picture(SIDE)]);
      seen.set(status, (seen.get(status) ?? 0) + 1);
    }
  })();
  const lost = (): number => sidecar.lines.filter(({ msg }) => msg === 'worker lost').length;

  const [status, text] = await predict(sidecar, [FLAT]);
  assert.equal(status, 400);
  assert.match(text, /has shape \[1,784\], but .* wants \[\?,28,28,1\].*signal SIGABRT/);
  const { level, reason } = await sidecar.line(({ msg }) => msg === 'worker lost');
  assert.deepEqual([level, reason], ['error', 'signal SIGABRT']);
  for (const rows of [1, 2]) {
    const [refused, why] = await predict(
      sidecar,
      Array.from({ length: rows }, () => FLAT),
    );
    assert.equal(refused, 400);
    assert.match(why, /wants \[\?,28,28,1\].*has ended the model's process, so it is refused from now on/);
  }
  assert.equal(lost(), 1);
  // The graph takes other pictures than it declares.
  assert.deepEqual(await predict(sidecar, [picture(7)]), [200, '{"predictions":[9.0]}']);

  isOver = true;
  await neighbour;
  assert.deepEqual([...seen.keys()], [200]);
  assert.equal(lost(), 1);
  assert.equal(await sidecar.stop(), 0);
});
