/** The image with TensorFlow's libraries, on a SavedModel: `npm test -- image-tfjs` builds it first. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, describe, it } from 'node:test';
import { addresses, FREE_PORTS, IMAGE, mount, removeContainers, startContainer, stop } from './containers.ts';
import { compressedLayers, withFiles } from './image-contents.ts';

const DIGITS = 'examples/digits/models/digits_tensorflow';
const SCANS = 'examples/digits/scans.json';
const EXPECTED = 'examples/digits/expected_tensorflow.json';
const MEMORY = ['--memory=1g', '--memory-swap=1g'];

afterEach(removeContainers);

describe('the image with TensorFlow', () => {
  it('answers as Python’s TensorFlow does, from a confined process', async () => {
    const options = [...MEMORY, mount(DIGITS, '/models/digits')];
    const container = startContainer(['serve', '--model=digits=/models/digits', ...FREE_PORTS], {
      options,
      user: '1000',
    });
    const { rest } = await addresses(container);
    const scans = JSON.parse(readFileSync(SCANS, 'utf8')) as { file: string; pixels: number[] }[];
    const body = JSON.stringify({ instances: scans.map(({ pixels }) => ({ pixels })) });
    const answer = await fetch(`${rest}/v1/models/digits:predict`, { method: 'POST', body });
    const { predictions } = (await answer.json()) as { predictions: { digit: number }[] };
    const expected = JSON.parse(readFileSync(EXPECTED, 'utf8')) as { file: string; digit: number }[];
    assert.deepEqual(
      predictions.map(({ digit }) => digit),
      expected.map(({ digit }) => digit),
    );
    assert.equal(await stop(container), 0);
  });

  it('lists TensorFlow in its bill of materials', async (t) => {
    for (const { by, bytes } of await compressedLayers(IMAGE))
      t.diagnostic(`${(bytes / 1e6).toFixed(1)} MB compressed: ${by}`);
    await withFiles(IMAGE, (directory) => {
      const { components } = JSON.parse(readFileSync(`${directory}/opt/pillion/sbom.cdx.json`, 'utf8'));
      const urls = components.map(({ purl }: { purl: string }) => purl);
      assert.deepEqual(
        urls.filter((url: string) => url.startsWith('pkg:pypi/') && !url.startsWith('pkg:pypi/tensorflow')),
        [],
      );
      for (const wanted of [
        'pkg:pypi/tensorflow',
        'pkg:npm/%40tensorflow/tfjs-node@',
        'pkg:npm/pino@',
        'pkg:deb/debian/libc6@',
      ]) {
        assert.ok(
          urls.some((url: string) => url.startsWith(wanted)),
          wanted,
        );
      }
    });
  });
});
