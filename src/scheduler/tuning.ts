/**
 * The numbers that the scheduler is tuned by. Each says its unit, its meaning and where its value comes from: a section
 * of docs/why/scheduler.md, a decision in docs/adr, a publication, or "chosen" where no measurement stands behind it.
 *
 * Durations are in ms. A share is a fraction between 0 and 1.
 */

// ---- Latency curves (latency/latency-curve.ts, latency-model.ts) ----

/** Weight of the newest run in a bucket's mean, once the bucket has seen 1 / 0.1 runs. Chosen. */
export const LEARNING_RATE = 0.1;
/** The same for a run that was faster than expected. ADR 14: an estimate forgives faster than it blames. */
export const FASTER_LEARNING_RATE = 0.15;
/** The same for a probe, which comes seldom and must teach more. Chosen. */
export const PROBE_LEARNING_RATE = 0.3;
/** Most that a run may exceed its expectation by, as a ratio. Chosen: a single stall hardly moves the curve. */
export const MAX_RUN_RATIO = 1.5;
/** Least ratio of a run to its expectation. Chosen; wider than upwards for the reason of ADR 14. */
export const MIN_RUN_RATIO = 1 / 2.5;
/** Mean deviations between `meanMs` and `highMs`. ADR 14: more would not cover stalls, and would refuse too much. */
export const HIGH_DEVIATIONS = 1;
/** Least deviation, as a share of the mean. Chosen: a few equal warm-up runs do not promise equal runs. */
export const MIN_DEVIATION_SHARE = 0.05;
/** Deviation of a bucket at its first run, as a share of the mean. Chosen. */
export const FIRST_DEVIATION_SHARE = 0.25;
/** Deviation of a bucket that has not run, as a share of the mean. Chosen. */
export const UNSEEN_DEVIATION_SHARE = 0.125;
/** Share of a run's cost that does not depend on its rows, while only one bucket has run. Chosen. */
export const FIXED_COST_SHARE = 0.5;
/** Runs after which a bucket stops counting. Chosen. */
export const MAX_COUNTED_RUNS = 1000;
/** Runs that a bucket of an earlier process counts as, at most: the machine may have changed. Chosen. */
export const MAX_IMPORTED_RUNS = 3;
/** Factor on each bucket's weight at every run: a third is left after a hundred runs. Chosen. */
export const WEIGHT_FADING = 0.99;
/** Least weight of a bucket; the fit needs one above 0. Chosen. */
export const MIN_WEIGHT = 1e-6;
/** Bounds of a run's length that is read from a state file. Chosen: anything outside is no measurement. */
export const MIN_IMPORTED_RUN_MS = 1e-6;
export const MAX_IMPORTED_RUN_MS = 86_400_000;

// ---- Requests of different lengths (latency/length-curves.ts, queue/padded-lane.ts) ----

/**
 * Largest rows × length whose run time is learned; larger runs count as that. Chosen: 1,024 rows of length 4,096, in 23
 * buckets.
 */
export const MAX_BATCH_ELEMENTS = 2 ** 22;
/** Length of rows until a batch has run: that of the synthetic batches at load. */
export const FIRST_LENGTH = 1;
/** The cost of a run in elements, beside its own, until something has run. Chosen: a few short sentences. */
export const RUN_COST_ELEMENTS = 512;
/** Run times are trusted for so many times the largest that has run. Chosen: a few runs lead to any size. */
export const TRUSTED_GROWTH = 4;
/** Full batches of waiting tasks among which those for the next run are chosen. Chosen: half of them can be left out. */
export const CHOICE_BATCHES = 2;

// ---- The size of batches that is worth it (batch/efficient-batch-size.ts) ----

/** A size is cheaper than another if a row costs at most this share of what it costs in that. Chosen: above what noise leaves. */
export const EFFICIENT_SIZE_COST_SHARE = 0.95;
/** Pairs of runs by which two sizes are compared at least, and those after which they are taken for as good. Chosen. */
export const EFFICIENT_SIZE_PAIRS = 16;
export const EFFICIENT_SIZE_MOST_PAIRS = 64;
/** Standard errors of the pairs' mean ratio beyond which it is no chance. Chosen: one trial in fifty is wrong. */
export const EFFICIENT_SIZE_DEVIATIONS = 2;
/** Most that a pair's ratio counts as, as a logarithm: twice or half. Chosen: one of its runs was disturbed. */
export const EFFICIENT_SIZE_MOST_LOG_RATIO = Math.LN2;
/** Runs that may lie between the two of a pair, and that wait for theirs at most. Chosen: the machine's mood changes. */
export const EFFICIENT_SIZE_PAIR_RUNS = 4;
/** Runs up to so many ms are not judged. Chosen: what surrounds a run takes 0.1 to 0.5 ms. */
export const EFFICIENT_SIZE_SHORT_RUN_MS = 10;
/** … unless rows that are large (LARGE_ROW_BYTES) are more than so many bytes together. Chosen: to copy those takes as long. */
export const EFFICIENT_SIZE_SHORT_RUN_BYTES = 2 ** 20;
/** Such runs of a larger size after which it is used. Chosen. */
export const EFFICIENT_SIZE_SHORT_RUNS = 3;
/** Pause before a size that was not worth it is tried again, in ms; it doubles up to the second number. Chosen. */
export const EFFICIENT_SIZE_FIRST_PAUSE_MS = 5000;
export const EFFICIENT_SIZE_MAX_PAUSE_MS = 300_000;
/** Most rows of a run where no size is configured, of a model that runs them in next to no time. Chosen. */
export const MOST_SMALL_ROWS = 4096;
/** Longest run of more rows than --max_batch_size's default, in ms. Chosen: about what surrounds a run. */
export const MOST_SMALL_ROWS_MS = 0.25;
/** Most bytes of its input. Chosen: a tenth of a ms to copy. */
export const MOST_SMALL_ROWS_BYTES = 2 ** 20;
/** A doubling beyond the default is worth it if a row then costs at most this share. Chosen: clearly above noise. */
export const SMALL_ROWS_COST_SHARE = 0.8;
/** Memory that runs of several rows may take beside that of one, where nothing is configured, in bytes. Chosen. */
export const EFFICIENT_SIZE_BYTES = 64 * 2 ** 20;
/** A lone request's input of so many bytes is not copied into its batch. Chosen: to copy fewer takes some µs. */
export const IN_PLACE_BYTES = 64 * 1024;
/** A smaller size is tried where the head has time for so many runs, or has no deadline: it costs a crowd time. Chosen. */
export const EFFICIENT_SIZE_SPARE_RUNS = 4;
/** Sizes of rows that are told apart: powers of two of their bytes. Chosen: up to 2 GiB. */
export const MOST_ROW_CLASSES = 32;

// ---- Run statistics: overhead, margin, probes (latency/run-statistics.ts) ----

/** Weight of the newest batch in the moving means: they cover about ten batches. Chosen. */
export const MEAN_WEIGHT = 0.1;
/** Least time that an answer needs to leave the process. Chosen. */
export const MIN_ANSWER_MS = 0.5;
/** Most that one batch moves the mean time to answer. Chosen: one stall changes little. */
export const MAX_ANSWER_SAMPLE_MS = 10;
/** Longest delay of the event loop that is counted. Chosen. */
export const MAX_LOOP_LAG_MS = 100;
/** Share of the event loop's delay that a request has waited before it was read. Chosen: halfway, on average. */
export const LOOP_LAG_SHARE = 0.5;
/** Share of late answers among the mistakes of admission (latency/lateness-margin.ts), in a burst. ADR 52. */
export const BURST_LATE_SHARE = 0.5;
/** The same in overload that stands, where a late answer costs the run of another. ADR 34 and 48. */
export const STANDING_LATE_SHARE = 0.05;
/** The same with --admission=strict. ADR 48. */
export const STRICT_LATE_SHARE = 0.005;
/** Step of the margin, as a share of the time of one row in a full batch. ADR 34, simulated. */
export const MARGIN_STEP_SHARE = 0.5;
/** Instants of refusals that are kept, and the time within which they are one. Chosen: as long as most clients wait. */
export const MAX_REFUSED_PLACES = 256;
export const SAME_PLACE_MS = 1;
/** Full runs of waiting from which on a request needs the whole margin; less waiting needs less. ADR 14, simulated. */
export const FULL_MARGIN_RUNS = 3;
/** Largest margin, on both sides of 0: so many full runs… Chosen. */
export const MAX_MARGIN_RUNS = 2;
/** …or above 0 so long, whichever is more. Chosen: what holds up short runs is longer than they. */
export const MIN_MAX_MARGIN_MS = 20;
/** Silence after which a request is a probe: at least so long… docs/why/scheduler.md, "Learning never stops". */
export const MIN_PROBE_SILENCE_MS = 100;
/** …and at least so many runs of one row. The same section. */
export const PROBE_SILENCE_RUNS = 10;

/** A request in parts is a probe only after a silence of so many times its own runs: it would take them in vain… Chosen. */
export const PARTED_PROBE_SILENCE = 10;
/** …and only if it would be in time with runs that are so many times as fast as known. Chosen. */
export const PARTED_PROBE_SPEED = 2;

// ---- Admission (admission/admission.ts, forecast.ts, signature-plan.ts) ----

/** Span of the arrival rate. Chosen: two batches of a slow model, and short beside a change of load. */
export const ARRIVAL_SPAN_MS = 400;
/** Least age by which a young rate is divided, as a share of its span. Chosen. */
export const MIN_RATE_AGE_SHARE = 0.25;
/** Learned objective: so many runs of one row… docs/why/scheduler.md, "When a request is due"; chosen. */
export const OBJECTIVE_RUNS = 20;
/** …and at least so long. The same section. */
export const MIN_OBJECTIVE_MS = 50;
/** Learned objective: at most so long, or so many runs of one row. It bounds a wait beside other models' deadlines. Chosen. */
export const MAX_OBJECTIVE_MS = 1000;
export const MAX_OBJECTIVE_RUNS = 4;
/** Objective until something has run. Chosen. */
export const UNKNOWN_OBJECTIVE_MS = 1000;
/** Time after which a run that is over its expected end is expected to end. Chosen. */
export const OVERDUE_MS = 0.5;
/** Most batches ahead that a forecast counts. Chosen: beyond it a request is far too late in any case. */
export const MAX_FORECAST_BATCHES = 4096;
/** Most other lanes that a forecast looks at: callers choose shapes, and so how many lanes there are. Chosen. */
export const MAX_FORECAST_LANES = 32;
/**
 * A queue stands when it has not drained for so much longer than a request has time. Measured: without it, one model at a
 * coefficient of variation of 8 answers 0.84 in time instead of 0.98 (two rounds).
 */
export const BURST_MS = 150;
/**
 * Full batches that may wait in a queue that stands, beyond one for each slot (admission/backlog.ts). ADR 34: with two slots
 * and one batch and a half in all, one of two that come free together runs half a batch.
 */
export const SPARE_BATCHES = 0.5;
/** Delay to retry after while no batch has ended. Chosen. */
export const DEFAULT_RETRY_AFTER_MS = 100;
/** Delay to retry after while the version is unloaded. Chosen. */
export const DRAINING_RETRY_AFTER_MS = 1000;
/** Most that is added to a retry delay at random, as a share of it. Chosen. */
export const RETRY_JITTER_SHARE = 0.2;
/** Most parts that one request is split into. Chosen: tiny rows let a small body ask for millions of runs. */
export const MAX_PARTS = 10_000;
/**
 * Lanes of one signature from which on a new value of an input that must be the same opens no lane. Chosen: a decision
 * looks at each lane, and the callers choose the values.
 */
export const MAX_VALUE_LANES = 64;

// ---- Refusals that are given again (refusal-gate.ts) ----

/** How long a refusal is given again. Chosen: below it no forecast is better, and all the time that it can be wrong by. */
export const REFUSAL_MS = 1;
/** Deadlines that differ by at most so much get the same text. Chosen: clients send whole milliseconds. */
export const SAME_DEADLINE_MS = 1;
/** How many refusals of a kind are kept with their bytes. Chosen: half a MB, at the 1 kB that one takes. */
export const MAX_SHARED_REFUSALS = 512;

// ---- Callers (callers/caller-table.ts, callers/holdings.ts) ----

/** Most callers that are known by name. Chosen. */
export const MAX_CALLERS = 1024;
/** Span of a caller's use of the cores, and how long a caller that asks for nothing is known. Chosen. */
export const CALLER_SPAN_MS = 10_000;
/** Full batches that make a crowd of what a caller has waiting. Chosen: a few runs, which every objective has room for. */
export const CROWD_BATCHES = 2;
/** A caller is sparse with at most this share of the largest crowd's rows. Chosen: stalls do not end it. */
export const SPARSE_SHARE = 1 / 8;
/** A caller is heavy that takes more than this share of the slots… Chosen. */
export const HEAVY_CALLER_SHARE = 0.5;
/** …and at least so many times as much as the caller that is compared with it. Chosen: equal callers differ by less. */
export const HEAVY_CALLER_RATIO = 4;
/** Least time between two looks at all that waits, for light callers. Chosen: of some thousand requests it takes 0.1 ms. */
export const LEAST_LOOK_MS = 10;
/** Bytes that may wait beyond the limit, as a share of it, for callers that hold little of them. Chosen. */
export const SPARE_BYTES_SHARE = 0.25;

// ---- Policy (policy/slack-policy.ts, queue-situation.ts) ----

/** Load of the shared slots above which a batch waits for more rows. docs/why/scheduler.md, "Waiting for company". */
export const WINDOW_LOAD = 0.85;
/** Share of the head's time that waiting leaves unused before the latest start. Chosen. */
export const WINDOW_RESERVE_SHARE = 0.25;
/** Longest wait before a lane that fills is looked at again. Chosen. */
export const WINDOW_RECHECK_MS = 5;
/** A deadline below this share of a lane's own bounds the lane's batches. Chosen. */
export const TIGHT_DEADLINE_SHARE = 0.5;
/** Longest run beside such a deadline, as a share of it. docs/why/scheduler.md, "Within a lane". */
export const TIGHT_RUN_SHARE = 0.5;
/** Share of the throughput that a bounded batch must keep, else it is not bounded. Chosen. */
export const TIGHT_THROUGHPUT_SHARE = 0.8;
/** Span in which the shortest deadline is looked for. Chosen. */
export const DEADLINE_SPAN_MS = 500;
/**
 * Time above the target after which a queue stands. CoDel ("Controlling Queue Delay", ACM Queue 2012): its interval.
 */
export const STANDING_AFTER_MS = 100;
/** Least target of the head's wait. CoDel: its target. */
export const MIN_STANDING_TARGET_MS = 5;
/** Target of the head's wait, as a share of the objective. Chosen: the rest is for the run. */
export const STANDING_TARGET_SHARE = 0.5;

// ---- Slots that models share (cores/core-slots.ts) ----

/** Span of a model's and the slots' use. Chosen. */
export const BUSY_SPAN_MS = 250;
/** Time after a refusal for which the slots count as overloaded. Chosen. */
export const OVERLOAD_MS = 250;
/** Most worker time (over its weight) that a resting model is behind. Chosen. */
export const MAX_CREDIT_MS = 500;
/** Worker times in the same step count as equal. Chosen: a few batches. */
export const FAIRNESS_STEP_MS = 50;
/**
 * Most of the cores that a forecast gives to other models' requests that have not come yet. ADR 34, simulated: with more,
 * a model that has used much is refused although it would be in time; with none, a tenth of what is admitted comes late.
 */
export const MAX_PASSING_SHARE = 0.5;
/** Time for which the work of other models is not summed again. Chosen: short beside any batch that is worth a slot. */
export const OTHERS_WORK_AGE_MS = 0.5;
/** A model is urgent this many of the longest runs before its latest start. ADR 14: the longest run, not the mean. */
export const URGENT_RUNS = 1.25;
/** Span in which the longest run is looked for. Chosen. */
export const LONGEST_RUN_SPAN_MS = 500;

/** Span in which it is looked whether a model lacks sessions. Chosen: long beside a run and a burst. */
export const DEMAND_SPAN_MS = 300;
/** Share of it during which batches wait beside a free core, from which on one more session is asked for. Chosen. */
export const DEMAND_SHARE = 0.3;

/**
 * Time that a model's runs compute, in ms per ms, from which on it may have other or more sessions. Chosen: below it what
 * surrounds the runs is what takes long, such as bodies that are read.
 */
export const BUSY_SHARE = 0.75;
/** The same where runs take LONG_RUN_MS: there a shorter run is felt, also where it brings no throughput. Chosen. */
export const BUSY_LONG_RUNS_SHARE = 0.3;
export const LONG_RUN_MS = 10;
/** How many times as fast the other plan of threads must be to take the batches. Chosen: above the noise of run times. */
export const PLAN_GAIN = 1.08;
/** The same for sessions of one thread, known from runs beside each other, while more rows are there than one run takes. ADR 35. */
export const CROWDED_GAIN = 1;
/**
 * Share by which each other run beside it is taken to make a run longer, until some have run so. Chosen: between the median of
 * seven models and what costs a plan PLAN_GAIN, so that sessions that could hardly gain are not opened to find out.
 */
export const BESIDE_COST_SHARE = 0.05;
/** How long a plan keeps them at least. Chosen: a change costs up to a run on one core. */
export const PLAN_KEPT_MS = 50;
/** The same in its runs, where that is longer. Chosen: a change may leave a core idle for one of them. */
export const PLAN_KEPT_RUNS = 8;
/**
 * Time after which the plan that is not used gets batches, so that its run times are not old. Chosen: the first runs of a
 * plan are slow, while code is compiled, and must not decide for long.
 */
export const PROBE_PAUSE_MS = 1000;
/** Each probe in which it was no better makes it so many times as long, up to the second number. Chosen: it may have to open. */
export const PROBE_PAUSE_FACTOR = 16;
export const MAX_PROBE_PAUSE_MS = 300_000;
/** How long it gets them, and for how many of its runs where that is longer. Chosen: several runs. */
export const PROBE_RUN_MS = 50;
export const PROBE_RUNS = 3;
/**
 * How long sessions of one thread must have been better than the one of all cores before they are opened beside it, if that
 * began within the same time after the change to it. Chosen: while traffic begins, code is compiled on one of the cores.
 */
export const FIRST_PROOF_MS = 1500;
/** The same later. Chosen: longer than most slow moments of a machine. */
export const LATER_PROOF_MS = 5000;
/** Looks at a crowd from which on others say nothing of whether its sessions would be better. Chosen: a burst or two. */
export const MIN_CROWDED_LOOKS = 8;

// ---- Early next batches (batch/prefetch.ts) ----

/** Time before a run's end at which the next batch is prepared, as a share of the run… ADR 19. */
export const PREFETCH_LEAD_SHARE = 0.25;
/** …and at most. ADR 19. */
export const MAX_PREFETCH_LEAD_MS = 2;
/** Runs that the shortest recent deadline must hold. ADR 19, measured. */
export const MIN_PREFETCH_RUNS = 10;

// ---- Failed batches that are run again (batch/isolator.ts, judge.ts, quarantined-callers.ts) ----

/** Share of one worker's time that a caller's values may take from others. ADR 30. */
export const RERUN_TIME_SHARE = 0.1;
/** Time that a caller may owe before its requests yield: so many mean runs… ADR 30. */
export const RERUN_ADVANCE_RUNS = 4;
/** …and at least. ADR 30. */
export const MIN_RERUN_ADVANCE_MS = 20;
/** How long a caller is quarantined once it was blamed; twice as long each time that it is blamed again. Chosen. */
export const FIRST_HOLD_MS = 1000;
/** …and at most. Chosen: then one batch a minute is shared with it. */
export const MAX_HOLD_MS = 60_000;
/** How long other callers count as there after a batch of theirs. Chosen: longer than a client thinks. */
export const OTHERS_MS = 1000;
/** Most callers that are remembered for their values. Chosen. */
export const MAX_QUARANTINED_CALLERS = 1024;
/** Most bytes of a known good request that are kept; of the rest the shapes are. Chosen. */
export const MAX_KNOWN_GOOD_BYTES = 64 * 1024;
/** How long a known good request is kept before a newer one takes its place. Chosen: a copy now and then. */
export const KNOWN_GOOD_KEPT_MS = 10_000;
/** How long a verdict of the runtime's state is used again. Chosen. */
export const VERDICT_MS = 100;
/** Most members that are run one by one: halves would take as many runs. ADR 23. */
export const MAX_RUN_ALONE = 3;
