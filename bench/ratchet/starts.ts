/** How soon a server gives its first right answer, and what it holds when it is then left alone. */
import { setTimeout as delay } from 'node:timers/promises';
import { loadModel } from '../compare/models.ts';
import * as rest from '../compare/protocols/rest.ts';
import { startContestant } from '../compare/running-contestant.ts';
import type { Checkout } from '../support/checkout.ts';
import { contestantOf } from './closed-loops.ts';
import { type Both, sampleOf } from './figures.ts';
import { inTurn, isHereFirst, type Job, type JobOptions } from './job.ts';
import { START_MODEL } from './plan.ts';

const WORK = `${START_MODEL}, started and left alone`;
/** Turns at one start of the others. */
const TURNS = 4;
/** Idle time after which the garbage of a start has been collected. */
const IDLE_MS = 2000;
const MIB = 2 ** 20;

interface Start {
  readonly seconds: number;
  readonly residentMib: number;
}

export function startJob(options: JobOptions): Job {
  return {
    works: [WORK],
    measure: async (start) => {
      const model = await loadModel(START_MODEL, options.models);
      const startOnce = async (checkout: Checkout): Promise<Start> => {
        options.signal.throwIfAborted();
        const contestant = contestantOf(checkout, [rest.tensorFlowServing]);
        const { startSeconds, targets, stop } = await startContestant(contestant, model, ['REST']);
        try {
          const { server } = targets[0]!;
          server.resume();
          await delay(IDLE_MS);
          return { seconds: startSeconds, residentMib: server.residentBytes() / MIB };
        } finally {
          await stop();
        }
      };
      const pairs: Both<Start>[] = [];
      for (let turn = 0; turn < TURNS; turn++) {
        options.progress(`${WORK}: start ${start + 1}, turn ${turn + 1} of ${TURNS}`);
        pairs.push(
          await inTurn(
            isHereFirst(start, turn),
            () => startOnce(options.here),
            () => startOnce(options.pinned),
          ),
        );
      }
      const figures = (of: (each: Start) => number): Both<number>[] =>
        pairs.map(({ here, pinned }) => ({ here: of(here), pinned: of(pinned) }));
      return [
        sampleOf(
          { work: WORK, measure: 'start', start },
          figures(({ seconds }) => seconds),
        ),
        sampleOf(
          { work: WORK, measure: 'memory', start },
          figures(({ residentMib }) => residentMib),
        ),
      ];
    },
  };
}
