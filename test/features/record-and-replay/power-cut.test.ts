import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { frameRecord } from '../../../src/codec/tfrecord/tf-record-writer.ts';
import { RecordFile } from '../../../src/features/record-and-replay/record-file.ts';
import { OwnDirectory } from '../../../src/files/own-directory.ts';
import { replaceFile } from '../../../src/files/replace-file.ts';
import { eachState, RecordingDisk, textsIn } from '../../support/power-cut.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

const FRAMES = Array.from({ length: 4 }, (_, i) => frameRecord([Buffer.from(`record ${i}`)]));

describe('a power cut', () => {
  it('while a command writes its file leaves the old or the new one', async (t) => {
    const root = tempDirectory(t);
    writeFileSync(join(root, 'profile'), 'old');
    writeFileSync(join(root, 'records'), FRAMES[0]!);
    const recording = new RecordingDisk(root);
    await replaceFile(new OwnDirectory(root, { disk: recording.disk }), 'profile', 'new one');
    const file = await RecordFile.create(join(root, 'records'), true, recording.disk);
    await file.append(FRAMES[1]!);
    await file.append(Buffer.concat([FRAMES[2]!, FRAMES[3]!.subarray(0, 5)]));
    await file.finish();
    const count = await eachState(t, recording, async (cut, { after }) => {
      const isOver = after === recording.operations.length;
      assert.match(readFileSync(join(cut, 'profile'), 'latin1'), isOver ? /^new one$/ : /^(old|new one)$/);
      const texts = textsIn(join(cut, 'records')).join();
      assert.ok(texts === 'record 1,record 2' || (!isOver && texts === 'record 0'), texts);
    });
    assert.ok(count > 20, `${count}`);
  });
});
