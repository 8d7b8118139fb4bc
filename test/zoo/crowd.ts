/** 32 callers at once, half of them on each surface, and what became of their answers. */
import type { TensorMap } from '../../src/core/tensor.ts';
import { type Callers, type Question, SURFACES } from './callers.ts';
import { type Differences, differences } from './compare.ts';

export const CALLERS = 32;

export interface Tally {
  readonly requests: number;
  /** Equal bit for bit to what the runtime alone answers. */
  readonly equal: number;
  /** Answered otherwise. */
  readonly different: readonly Differences[];
  /** Texts of the errors. */
  readonly failures: readonly string[];
}

/** Each caller asks at least `rounds` times, and goes on until `untilMs`. Each starts at another question. */
export async function askTogether(
  callers: Callers,
  model: string,
  questions: readonly Question[],
  rounds: number,
  untilMs = 0,
): Promise<Tally> {
  const tally = { requests: 0, equal: 0, different: [] as Differences[], failures: [] as string[] };
  const ask = async (caller: number): Promise<void> => {
    const surface = SURFACES[caller % SURFACES.length]!;
    for (let round = 0; round < rounds || Date.now() < untilMs; round++) {
      const question = questions[(caller * 3 + round * 7) % questions.length]!;
      tally.requests++;
      let answer: TensorMap;
      try {
        answer = await callers.call(surface, model, question);
      } catch (error) {
        tally.failures.push(`${surface}: ${(error as Error).message}`);
        continue;
      }
      const found = differences(question.expected, answer);
      if (found.size === 0) tally.equal++;
      else tally.different.push(found);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, (_, caller) => ask(caller)));
  return tally;
}
