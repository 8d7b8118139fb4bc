import { ADMIN, ADMIN_TOKEN_FILE, sidecarCommand } from '../../cli/sidecar-command.ts';
import { flag, integer, patternText } from '../../config/options/option-types.ts';

const NUMBER = /^(|\d+|\d*\.\d+)$/;
/** Most cores and most times the load: beyond it the number is a slip of the pen, and the simulation never ends. */
const MOST = 1000;

/** Settings that are not given stay as they are. */
export const whatIfCommand = sidecarCommand({
  name: 'what-if',
  usage: ['what-if --cores=N    simulates the requests of the last minute with other cores, load or settings'],
  help: `pillion what-if: what would be in time with other cores, more load or other settings

  pillion what-if --cores=4
  pillion what-if --load=1.5 --max_batch_size=64
  pillion what-if --cores=4 --json | jq .changed.in_time

Takes the requests that a running sidecar got lately, its run times and its plan, and lets the requests come again to the
real scheduler on a simulated machine: as it is, and with the change. How near the first comes to what the server measured
says how far the second may be trusted. The server is only asked; nothing is sent to its models.
src/features/what-if/README.md says what is simulated and what is not. Ends with 0, or with 1 if the sidecar cannot tell
what is needed.
`,
  options: {
    cores: patternText(
      { default: '', placeholder: 'N', help: 'So many cores; a fraction, as a CPU quota may be, is allowed.' },
      NUMBER,
      'a number, such as 4 or 2.5',
    ),
    load: patternText(
      { default: '', placeholder: 'N', help: 'Requests come so many times as fast.' },
      NUMBER,
      'a number, such as 1.5',
    ),
    slo: integer({
      min: 0,
      max: 3_600_000,
      default: 0,
      help: 'The objective of all models in ms, for requests without a deadline (--slo_ms of serve). 0 = as it is.',
    }),
    max_batch_size: integer({ min: 0, max: 2 ** 20, default: 0, help: 'Most rows in a batch. 0 = as it is.' }),
    seconds: integer({
      min: 1,
      max: 3600,
      default: 60,
      help: 'The requests of the last so many seconds are taken; the server keeps a few minutes.',
    }),
    admin: ADMIN,
    admin_token_file: ADMIN_TOKEN_FILE,
    json: flag({ default: false, help: 'Prints JSON, for scripts.' }),
  },
  check: ({ cores, load, slo, max_batch_size }) => [
    ...(cores === '' && load === '' && slo === 0 && max_batch_size === 0
      ? ['what would change? give --cores, --load, --slo or --max_batch_size']
      : []),
    ...rangeErrors('cores', cores),
    ...rangeErrors('load', load),
  ],
  run: async ({ cores, load, ...rest }) =>
    (await import('./what-if.ts')).whatIf({ ...rest, cores: numberOf(cores), load: numberOf(load) }),
});

function rangeErrors(option: string, value: string): readonly string[] {
  const isWithin = value === '' || (Number(value) > 0 && Number(value) <= MOST);
  return isWithin ? [] : [`--${option}=${value} wants a number above 0, at most ${MOST}`];
}

function numberOf(value: string): number | undefined {
  return value === '' ? undefined : Number(value);
}
