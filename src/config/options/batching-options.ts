/** Options of `pillion serve` about batches and the order of runs. */
import { COUNT, flag, integer, type Option, sizes, text } from './option-types.ts';

export const BATCHING_OPTIONS = {
  enable_batching: flag({
    default: true,
    help: 'Requests that wait at the same time run as one batch. false = one request per run.',
  }),
  // Limits how long one run holds its slot, and the runtime's memory, which grows with the largest batch so far.
  max_batch_size: integer({
    ...COUNT,
    min: 1,
    default: 64,
    help: 'Most rows in one run. Larger requests are split. 1 = each request is run as it came. If it is not given, models whose runs take next to no time get larger runs.',
  }),
  batch_timeout_micros: integer({
    ...COUNT,
    default: 0,
    help: 'How long a request may wait for others while a slot is free, in µs. 0 = not at all.',
  }),
  // 6,400 rows at the default size: any burst that can be served within a deadline of seconds.
  max_enqueued_batches: integer({
    ...COUNT,
    min: 1,
    default: 100,
    help: 'How many full batches may wait. Beyond that, requests are refused at once (RESOURCE_EXHAUSTED, 429).',
  }),
  allowed_batch_sizes: sizes({
    default: [],
    help: 'Batches are padded to the next of these sizes. The last must equal --max_batch_size. Empty = any size.',
  }),
  batch_memory_mib: integer({
    ...COUNT,
    default: 0,
    help: 'Most memory that runs of several rows of a model may take beside that of one row, in all its sessions, in MiB; larger batches are not tried. 0 = a sixteenth of the memory limit, at most 64.',
  }),
  pad_variable_length_inputs: flag({
    default: false,
    help: 'Requests of different lengths share runs: shorter rows are padded to the longest, and their outputs are cut back. As far as it is proved that no answer changes; else it is refused, with a line in the log.',
  }),
  scheduler: text({
    default: 'slack',
    oneOf: ['slack', 'greedy', 'edf'],
    placeholder: 'slack|greedy|edf',
    help: 'Order of the runs. slack keeps deadlines, and refuses at once a request that could not be answered in time; greedy is first come, first served; edf is earliest deadline first without predictions. The latter two are for comparison.',
  }),
  admission: text({
    default: 'most',
    oneOf: ['most', 'strict'],
    placeholder: 'most|strict',
    help: 'Which requests are admitted when not all can be answered in time. most answers the most requests in time: in a burst, some that are admitted are late; strict admits only those that will very likely be in time, and answers fewer.',
  }),
  slo_ms: integer({
    ...COUNT,
    default: 0,
    help: 'Latency objective in ms: the deadline of requests whose client set none. A model may have its own (--model=…,slo_ms=50). 0 = learned: 20 times the run time of one row, at least 50, at most 1000 or four such runs.',
  }),
  state_dir: text({
    default: '',
    placeholder: 'DIR',
    help: 'Directory that keeps each model’s learned run times and batch axes between starts, and which loads have ended the server. Empty = they are not kept.',
  }),
  min_free_disk_percent: integer({
    min: 0,
    max: 99,
    default: 5,
    help: 'Request logs and --state_dir are not written while less than this share of their disk is free, in percent: a full disk would have the pod evicted. 0 = they are written until the disk is full.',
  }),
} satisfies Record<string, Option<unknown>>;
