import { ADMIN, ADMIN_TOKEN_FILE, sidecarCommand } from '../../../cli/sidecar-command.ts';
import { flag, integer, text } from '../../../config/options/option-types.ts';
import { KEPT, MOST_OF_FILE, ORDERS, OUTCOMES } from '../query/request-query.ts';
import { queryErrors } from './query-of.ts';

const picks = (help: string, placeholder: string) => text({ default: '', placeholder, help });

export const requestsCommand = sidecarCommand({
  name: 'requests',
  usage: ['requests   the last requests of a running sidecar, the slow and the failed ones of the past, and restarts'],
  help: `pillion requests: requests of a running sidecar, or of the file that it writes

  pillion requests --outcome=failed
  pillion requests --since=03:10 --until=03:20 --model=digits
  pillion requests --order=slowest --limit=5
  pillion requests --file=/var/lib/pillion/requests --since=24h --json

A running sidecar has the last requests in memory, and slow and failed ones of about an hour. With
--flight_recorder_file it has those of the runs before, too; --file reads that file, also where no sidecar runs. Times
are an age (15m, 6h), a time of the day (03:12: the last one so far) or a date with a time (2026-11-30T03:12; with Z in
UTC). A line tells each restart.
`,
  options: {
    since: picks(
      'Requests that arrived from then on. Empty = of the last hour; of any time with --id or --trace.',
      'TIME',
    ),
    until: picks('Requests that arrived before then. Empty = until now.', 'TIME'),
    model: picks('Requests for this model.', 'NAME'),
    version: picks('Requests for this version.', 'N'),
    caller: picks('Requests from this address, with its port or without.', 'ADDRESS'),
    outcome: picks(`ok, failed (all others), or the kind of an error: ${OUTCOMES.slice(2).join(', ')}.`, 'OUTCOME'),
    error: picks('Requests whose error has this in its message.', 'TEXT'),
    id: picks('The request with this id.', 'ID'),
    trace: picks('Requests of this trace.', 'TRACE_ID'),
    kept: picks(`Requests that are kept because they were ${KEPT.join(' or ')}.`, KEPT.join('|')),
    order: text({
      default: 'newest',
      oneOf: ORDERS,
      placeholder: ORDERS.join('|'),
      help: 'Which come first. slowest: of all that are remembered, which are the slowest of each minute of the last hour at least.',
    }),
    limit: integer({ min: 1, max: MOST_OF_FILE, default: 50, help: 'How many.' }),
    json: flag({ default: false, help: 'Prints JSON: the answer of GET /requests.' }),
    file: text({
      default: '',
      placeholder: 'FILE',
      help: 'Reads this file, which --flight_recorder_file of a sidecar names, and asks no sidecar.',
    }),
    admin: ADMIN,
    admin_token_file: ADMIN_TOKEN_FILE,
  },
  check: (options) => queryErrors(options),
  run: async (options) => (await import('./requests.ts')).requests(options),
});
