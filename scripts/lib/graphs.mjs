/** npm test -- graphs: random ONNX graphs, judged and run (test/graphs/fuzz-graphs.ts). */
import { runSingleTest } from './suite-programs.mjs';
import { isHelp } from './words.mjs';

const USAGE = `Usage: npm test -- graphs [--graphs=N] [--seed=N] [--only=K]

Draws ONNX graphs, asks which keep the rows of a batch apart, and runs those on ONNX Runtime: each row must give the same
alone, in company, and at any place of it. Shows the shares of the verdicts, in all and by op.

  --graphs=N   how many; default 20000, which takes about two minutes
  --seed=N     repeats a run; default: the time
  --only=K     shows graph K of the seed, its verdict and its difference`;

export function runGraphs(words) {
  if (words.some(isHelp)) console.log(USAGE);
  else runSingleTest('build/test/graphs/fuzz-graphs.js', words);
}
