/** Options of `pillion serve` about where models run: threads, processes, devices. */
import { HOST_CHOICES } from '../model-config.ts';
import { COUNT, integer, type Option, text } from './option-types.ts';

export const HOST_OPTIONS = {
  num_batch_threads: integer({
    min: 0,
    max: 1024,
    default: 0,
    help: 'Number of simultaneous runs, over all models, and of sessions of each model, which have their own copies of the weights. 0 = by demand: a model has one session, and gets more while its batches wait and cores are free.',
  }),
  intra_op_threads: integer({
    min: 0,
    max: 1024,
    default: 0,
    help: 'Threads inside one run. 0 = one, or as many as there are cores where the batch is done sooner so (ONNX models on the CPU, with --num_batch_threads=0).',
  }),
  host: text({
    default: 'auto',
    oneOf: HOST_CHOICES,
    placeholder: 'auto|inline|thread|process',
    help: 'Where runs happen. inline = on the event loop, for runs of microseconds; thread = on worker threads; process = in worker processes, whose crash ends nothing else; auto = in processes for runtimes that need it, else inline if the runs measured at load are short enough, which is watched afterwards, else on threads.',
  }),
  run_priority: text({
    default: 'auto',
    oneOf: ['auto', 'normal', 'low'],
    placeholder: 'auto|normal|low',
    help: 'The priority of threads and processes that run models. normal = a run weighs as much as any process beside this server. low = a third of that (a nice value of 5), so the event loop goes first: refusals and answers leave sooner while runs want all cores. auto = low where this server is alone in its control group, as in a container of its own, else normal. Where runs give way to an application (--app_first), and on one core, it has no effect.',
  }),
  process_ceiling_mib: integer({
    ...COUNT,
    default: 0,
    help: 'A model’s process that takes more MiB than this is replaced by a new one, which loads beside it, so no request fails. 0 = half of the memory that the server may use.',
  }),
  execution_provider: text({
    default: 'cpu',
    oneOf: ['cpu', 'cuda'],
    placeholder: 'cpu|cuda',
    help: 'Where models run, unless their own provider says otherwise. A provider that is not installed is refused at the start.',
  }),
} satisfies Record<string, Option<unknown>>;
