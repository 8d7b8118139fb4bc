import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { artifactHash, artifactHasher } from '../../../../src/models/loading/artifact-hash.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

/** Around the bytes that are read at once. */
const SIZES = [0, 1, 2 ** 18 - 1, 2 ** 18, 2 ** 18 + 1, 3 * 2 ** 18 + 7];

const bytesOf = (size: number): Buffer => Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 31) % 251));

describe('the hash of a version', () => {
  it('is that of the names and bytes of all its files, of any size', async (t) => {
    const directory = tempDirectory(t);
    mkdirSync(join(directory, 'weights'));
    const wanted = createHash('sha256');
    for (const [i, size] of SIZES.entries()) {
      const name = `weights/${i}.bin`;
      writeFileSync(join(directory, name), bytesOf(size));
      wanted.update(`\0${name}\0`).update(bytesOf(size));
    }
    assert.equal(await artifactHash(directory), wanted.digest('hex'));
  });

  it('is not told where a file has changed since the version was opened', async (t) => {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, 'model.onnx'), 'a');
    const same = await artifactHasher(directory);
    assert.equal(await same(), await artifactHash(directory));
    const other = await artifactHasher(directory);
    appendFileSync(join(directory, 'model.onnx'), 'b');
    assert.equal(await other(), undefined);
  });
});
