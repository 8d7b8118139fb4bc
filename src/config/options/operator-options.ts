/** Options of `pillion serve` about the operators' server and probes. */
import { flag, integer, type Option, text } from './option-types.ts';

export const OPERATOR_OPTIONS = {
  admin_port: integer({
    min: -1,
    max: 65_535,
    default: 8502,
    help: 'TCP port of the console, health, readiness and metrics for operators, on 127.0.0.1 only. 0 = any free port. -1 = none, with --admin_socket_path.',
  }),
  admin_socket_path: text({
    default: '',
    placeholder: 'PATH',
    help: 'The operators’ server listens on this Unix socket too, which only this process’s user may open.',
  }),
  metrics_port: integer({
    min: -1,
    max: 65_535,
    default: -1,
    help: 'TCP port that serves GET /metrics in Prometheus’ format, beside the REST and admin ports. -1 = none, 0 = any free port.',
  }),
  allow_metrics: flag({
    default: true,
    isSpaced: true,
    help: 'Triton’s flag. With false only the admin port has metrics, and --metrics_port is not opened.',
  }),
  probe_port: integer({
    min: -1,
    max: 65_535,
    default: -1,
    help: 'TCP port of GET /ready, /live, /startup, /headroom and /metrics for a kubelet, autoscalers and Prometheus, in plain text on every address of the pod, whatever --bind_address says (docs/how-to/kubernetes.md). With --authorization_file it has no /metrics. -1 = none, 0 = any free port.',
  }),
  admin_token_file: text({
    default: '',
    placeholder: 'FILE',
    help: 'A file with one token: everything on the operators’ server but /live, /ready and the console’s files wants it, as "authorization: Bearer TOKEN". `pillion key new` makes one. Read again on SIGHUP.',
  }),
} satisfies Record<string, Option<unknown>>;
