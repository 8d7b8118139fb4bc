/** The command line. The run is published if it says nothing but `quick` or `all`. */
import { parseArgs } from 'node:util';

export type PlanName = 'quick' | 'all';

export const HELP = `Measures this checkout beside a pinned commit, in turn, and fails where it has lost more than 3 % of the best so far.

  npm run bench -- ratchet [quick|all] [options]

  quick               ten minutes: half_plus_two over gRPC and REST, mlp_small and image_mean over gRPC; the default
  all                 forty: these, further models, connections and protocols, start, idle memory, overload
  --starts=4          of each build; a figure that fails is measured at as many more
  --seconds=28        of each work at each start, for both builds together
  --only=A,B          works whose names hold one of these words
  --against=REVISION  another commit than the pinned one; the best ratios so far are then 1.00. --against=HEAD in an
                      unchanged tree measures a build against itself
  --render            measures nothing, writes docs/results/ratchet.md anew from bench/results/ratchet.json

bench/ratchet/pinned.json names the commit and the best ratio of each figure so far. Without options a run writes its table
to docs/results/ratchet.md, its samples to bench/results/ratchet.json, and new best ratios to pinned.json: commit all three.
With options it only prints, and its samples are in .cache/bench/ratchet.json. Exit status 1: a figure fails, or a server
could not be measured at a start.`;

export interface RatchetOptions {
  readonly help: boolean;
  readonly render: boolean;
  readonly plan: PlanName;
  readonly starts: number;
  readonly seconds: number;
  /** Empty: everything. */
  readonly only: readonly string[];
  readonly against: string | undefined;
  /** The run is as everyone runs it: its figures count. */
  readonly isPublished: boolean;
}

/** Throws with what is wrong. */
export function readOptions(args: readonly string[]): RatchetOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: 'boolean', default: false },
      render: { type: 'boolean', default: false },
      starts: { type: 'string', default: '4' },
      seconds: { type: 'string', default: '28' },
      only: { type: 'string' },
      against: { type: 'string' },
    },
  });
  const [plan = 'quick', ...others] = positionals;
  if (plan !== 'quick' && plan !== 'all') throw new Error(`there is no plan "${plan}": quick or all`);
  if (others.length > 0) throw new Error(`one plan at a time, and got "${others.join(' ')}" too`);
  return {
    ...{ help: values.help, render: values.render, plan, against: values.against },
    starts: whole('starts', values.starts),
    seconds: whole('seconds', values.seconds),
    only: values.only?.split(',') ?? [],
    isPublished: args.every((arg) => arg === plan),
  };
}

function whole(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1000) {
    throw new Error(`--${flag} is ${text}; a whole number from 1 to 1000`);
  }
  return value;
}
