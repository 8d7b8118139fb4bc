/**
 * What leans on private parts of Node, V8 and ONNX Runtime has a guard, and a slower public way beside it. These are
 * all guards: a failure means that a new version of one has moved a part, and that the server has silently gone slower.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import process from 'node:process';
import { describe, it } from 'node:test';
import { collectorFlags } from '../../../src/internals/collector.ts';
import { canOpenDirectly } from '../../../src/internals/direct-model.ts';
import { canShareBuffer } from '../../../src/internals/socket-reads.ts';
import { canWritePastStreams } from '../../../src/internals/socket-writes.ts';

describe('the private parts that are used', () => {
  it("are there in Node's sockets", () => {
    assert.ok(canShareBuffer, `net.Socket of Node ${process.version} has no fields for the option onread`);
    assert.ok(canWritePastStreams, `Node ${process.version} does not show process.binding('stream_wrap')`);
  });

  it('are there in ONNX Runtime', async () => {
    assert.ok(
      await canOpenDirectly(),
      'onnxruntime-node has no dist/binding.js, or it answers otherwise than its public API',
    );
  });

  it("are there among V8's flags", () => {
    const known = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
    const names = collectorFlags(1).map((flag) => flag.replace(/^--(no-)?/, '').replace(/=.*/, ''));
    assert.equal(names.length, 3);
    assert.deepEqual(
      names.filter((name) => !new RegExp(`^ +--${name} `, 'm').test(known)),
      [],
    );
  });
});
