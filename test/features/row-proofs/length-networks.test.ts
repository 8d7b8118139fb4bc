/** The networks by the runtime alone: each is what it says, so that none is a dud. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HONEST_ENCODERS } from './networks/honest-encoders.ts';
import type { LengthNetwork } from './networks/length-network.ts';
import { LENGTH_NETWORKS } from './networks/length-networks.ts';
import { MOST_TOKENS } from './networks/masked-encoder.ts';
import { cutBack, MASKS, padded, relativeError, SequenceSession, sequenceRow } from './networks/sequence-session.ts';

const SAME = 1e-5;
const ANOTHER = 1e-3;

/** Lengths of a row alone and padded, about the length from which the network is another. */
function pairsOf({ from }: LengthNetwork): readonly (readonly [own: number, padded: number])[] {
  const lengths = [1, 2, 9, from >> 1, from - 2, from - 1, from, from + 1, from + 8, MOST_TOKENS];
  const known = [...new Set(lengths)].filter((length) => length > 0 && length <= MOST_TOKENS).sort((a, b) => a - b);
  return known.flatMap((own) => known.filter((length) => length > own).map((length) => [own, length] as const));
}

describe('a network whose answers depend on the length of the run', () => {
  for (const network of LENGTH_NETWORKS) {
    it(`is honest until it is not: ${network.name}, ${network.from}`, async () => {
      const session = await SequenceSession.open(network.graph);
      let honest = 0;
      let worst = 0;
      for (const [i, [own, length]] of pairsOf(network).entries()) {
        const row = sequenceRow(own, MASKS[i % MASKS.length]!, i + 1);
        const error = relativeError(
          await session.run(row),
          cutBack(await session.run(padded(row, length)), own, length),
        );
        if (network.isSame(own, length)) {
          honest += 1;
          assert.ok(error < SAME, `${own} → ${length}: ${error}`);
        } else worst = Math.max(worst, error);
      }
      assert.ok(honest > 0);
      assert.ok(worst > ANOTHER, `nothing shows: ${worst}`);
      await session.close();
    });
  }
});

describe('an honest encoder', () => {
  for (const { name, most, graph } of HONEST_ENCODERS) {
    it(`answers the same in a run of any length: ${name}`, async () => {
      const session = await SequenceSession.open(graph);
      const lengths = [1, 2, 7, 33, 64, 150, most - 1, most];
      for (const [i, own] of lengths.entries()) {
        const row = sequenceRow(own, MASKS[i % MASKS.length]!, i + 1);
        const alone = await session.run(row);
        for (const length of lengths.filter((each) => each > own)) {
          const error = relativeError(alone, cutBack(await session.run(padded(row, length)), own, length));
          assert.ok(error < SAME, `${own} → ${length}: ${error}`);
        }
      }
      await session.close();
    });
  }
});
