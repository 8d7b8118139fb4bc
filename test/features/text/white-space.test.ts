import assert from 'node:assert/strict';
import { it } from 'node:test';
import { stripped } from '../../../src/features/text/tokenizer/white-space.ts';

it('white space is what Python strips', () => {
  // [each for each in range(0x110000) if chr(each).isspace()]
  const spaces = [
    ...[9, 10, 11, 12, 13, 28, 29, 30, 31, 32, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200],
    ...[8201, 8202, 8232, 8233, 8239, 8287, 12288],
  ];
  const found: number[] = [];
  for (let point = 0; point < 0x110000; point++) {
    if (stripped(String.fromCodePoint(point)).text === '') found.push(point);
  }
  assert.deepEqual(found, spaces);
  assert.deepEqual(stripped(' \t\u001c a\n b 😀\u3000\n'), { text: 'a\n b 😀', start: 4 });
  assert.deepEqual(stripped('\ufeffa'), { text: '\ufeffa', start: 0 });
  assert.deepEqual(stripped(' \n '), { text: '', start: 3 });
});
