/** The feature's own tokenizer, for comparing. */
import { dirname } from 'node:path';
import { NativeTokenizer } from '../../../../src/features/text/tokenizer/native-tokenizer.ts';
import type { Compared, Encoded, Sample } from './against-reference.ts';

/** More than any sample has. */
const ALL_TOKENS = 2 ** 20;

/** `path`: of its tokenizer.json. */
export function nativeTokenizer(name: string, path: string): Compared {
  const opened = NativeTokenizer.open(dirname(path), {
    file: 'tokenizer.json',
    maxTokens: ALL_TOKENS,
    cuts: 'right',
    strips: false,
    takesPairs: true,
  });
  return {
    name,
    path,
    encode: async (sample: Sample): Promise<Encoded> => {
      const row = typeof sample === 'string' ? { text: sample } : { text: sample[0], pair: sample[1] };
      const [encoded] = await (await opened).encode([row], { hasOffsets: true });
      return encoded!;
    },
  };
}
