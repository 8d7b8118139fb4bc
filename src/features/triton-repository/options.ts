/** Options with Triton's names: a model repository, and other names for ports. */
import { COUNT, flag, integer, text, texts } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

const PORT = { min: -1, max: 65_535, default: -1 };

export const TRITON_OPTIONS = {
  model_repository: texts({
    default: [],
    placeholder: 'DIR',
    otherName: 'model_store',
    help: 'Triton model repository: DIR/NAME/config.pbtxt and DIR/NAME/1/model.onnx; may be given several times (src/features/triton-repository/README.md).',
  }),
  model_control_mode: text({
    default: 'none',
    oneOf: ['none', 'poll', 'explicit'],
    placeholder: 'none|poll|explicit',
    help: 'explicit = callers of the Open Inference Protocol may load and unload models by name; with an authorization file, those whom it allows "load". none = nobody may. For --model_repository: none = its models load at the start, and it is not looked at again; poll = changes are found every --repository_poll_secs; explicit = --load_model names the models of the start.',
  }),
  load_model: texts({
    default: [],
    placeholder: 'NAME|*',
    help: 'With --model_control_mode=explicit: a model to load at the start; may be given several times. * = all.',
  }),
  repository_poll_secs: integer({
    ...COUNT,
    min: 1,
    max: 86_400,
    default: 15,
    help: 'With --model_control_mode=poll: seconds between two looks at the repository.',
  }),
  strict_readiness: flag({
    default: false,
    isSpaced: true,
    help: 'The server is ready only while every model of the repository that should be served is available. Without it, it is ready once each has loaded or failed.',
  }),
  exit_on_error: flag({
    default: false,
    isSpaced: true,
    help: 'Triton’s name for --exit_on_load_failure. There it is on by default.',
  }),
  http_port: integer({ ...PORT, help: 'Triton’s name for --rest_api_port. -1 = the port of that option.' }),
  grpc_port: integer({ ...PORT, help: 'Triton’s name for --port. -1 = the port of that option.' }),
  http_address: text({
    default: '',
    help: 'Triton’s name for --bind_address, which is of both ports. Empty: that option.',
  }),
  grpc_address: text({
    default: '',
    help: 'Triton’s name for --bind_address, which is of both ports. Empty: that option.',
  }),
} satisfies OptionTable;
