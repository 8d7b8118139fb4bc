/** The head of docs/results/overload.md: how it was measured and what its figures mean. */
import { MAX_REPEATS } from './journal.ts';
import { MAX_LATENESS_P99_MS, type Results } from './results.ts';
import { SELECTED } from './selection.ts';

export function introduction(results: Results): string {
  const { machine, startedAt, roundsWanted, pilots = [] } = results;
  const contestants = [...new Set(results.rounds.map(({ contestant }) => contestant))];
  return `# Overload

Made by \`npm run bench -- overload${pilots.length === 0 ? ` --contestants=${contestants.join(',')}` : ''}\` on ${startedAt.slice(0, 10)}: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Linux ${machine.kernel},
Node ${machine.node}. Every round is in [bench/results/overload.json](../../bench/results/overload.json).

How: the real server with ONNX models, over gRPC, most contestants the same server under other flags
(bench/overload/contestants.ts). The load generator is a process of its own and an open loop: requests are sent when they
are intended, whether or not earlier ones were answered, and each says its deadline. Loads are multiples of what the best
fixed plan did in a closed loop just before, with the same mix of models: a queue of 100 batches, with one and with two
runs at once, whichever did more. Contestants take turns (rounds: ${roundsWanted}), on the same requests; figures are means of the
rounds.${pilots.length === 0 ? '' : pilotText()}${contestants.some((name) => name.startsWith('triton')) ? TRITON : ''}

What the figures mean:

- Attainment: answers seen within the objective ÷ requests offered. Admitted: ÷ those that were not refused.
- Where a workload has tenants, all figures but those of streams and models are of the well-behaved one.
- Latencies count from the intended instant, not from when the request could be sent; of the admitted, whatever came,
  expiry too. "Refused p99" is how long a client waited to be told; "after sending" leaves out how late the load generator
  was.
- Wasted: the share of rows run (the server's own count) whose answer came late or not at all, weighed by what a row of
  the model costs. Times the server's CPU it is the core time wasted.
- Held: the share of requests that had to wait until the server let the client open another stream or send more; the
  wait is in their latency.
- Requests that their client took back are in no figure.
- The load generator shares the cores with the server. A turn in which it was more than ${MAX_LATENESS_P99_MS} ms late at its p99, or in
  which other processes took much of the machine, is in the data and not in the means; it was repeated up to ${MAX_REPEATS} times.
- Workloads named azure are no recording: their arrivals come from a process that was fitted to one
  (bench/overload/azure-like.ts has the figures of both).`;
}

/** Text under the table of checks. */
export const CHECK_NOTES = `The baseline of a workload is named before it is measured: where the load stands above what can be done, a fixed queue of
two batches (queue-2), else greedy batches with a queue of 100 (greedy). The best in hindsight is whoever has the best mean
attainment in this run: a bound, for nobody knows it beforehand. The mean over
workloads counts those that leave room: where a clairvoyant scheduler, which knows all arrivals and run times beforehand
(bench/results/overload-bounds.json, from the simulator), attains more than the best baseline by over 0.01; where no bound
is known, those where the best baseline attains less than 0.99. Whoever was not refused counts as admitted, also a request
whose deadline passed before the server had read it. p50 is compared where the load stands above 1 during the whole run.`;

function pilotText(): string {
  return `
Before them came one pilot round with all, on other requests, in which they also warm up. The ${SELECTED} baselines that
were best on a workload are measured in these, chosen in hindsight, beside Pillion and those that a check
needs.`;
}

const TRITON = `

Triton runs the same files on ONNX Runtime in its Python backend, with dynamic batching, and is asked over the Open
Inference Protocol. A request waits for at most its objective there (timeout_action REJECT). It answers UNAVAILABLE when
its queue is full and when a request has waited too long: both are refusals here, so that its admitted attainment flatters
it. It says nothing of reasons. Of its queues in four sizes the best counts; with several models,
each of which is a process of it, it has the one of 32 and the one without a limit.`;
