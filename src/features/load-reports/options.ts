import { text } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

export const LOAD_REPORT_OPTIONS = {
  load_reports: text({
    default: 'asked',
    oneOf: ['asked', 'always', 'off'],
    placeholder: 'asked|always|off',
    help: 'Load reports for balancers (ORCA, docs/how-to/mesh.md). asked: on answers to requests with endpoint-load-metrics-format, and as a gRPC stream of their own. always: on every answer, for balancers that do not ask. off: none.',
  }),
} satisfies OptionTable;
