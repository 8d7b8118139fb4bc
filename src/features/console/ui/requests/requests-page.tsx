/** The flight recorder's requests: the last ones, the slow ones and the failed ones. */
import { useState } from 'preact/hooks';
import type { RequestEntry } from '../../../../admin/request-entry.ts';
import type { Restart } from '../../../flight-recorder/history/history-report.ts';
import { getJson } from '../api.ts';
import { bytes, count, duration } from '../format.ts';
import { Restarts } from '../history/past-page.tsx';
import { useTurns } from '../history/use-turns.ts';
import { about } from '../live.ts';
import { Chip, Empty, Failure, Loading, Panel } from '../parts.tsx';
import { MiniWaterfall } from '../plots/waterfall.tsx';
import { range } from '../range.ts';
import { requestLink } from '../route.ts';
import { useLoaded } from '../use-loaded.ts';
import { Filters, requestsQuery, words } from './request-filters.tsx';

const LIMIT = 50;
const REFRESH_MS = 2000;
const SPAN_REFRESH_MS = 10_000;

interface RequestsAnswer {
  readonly requests: readonly RequestEntry[];
  readonly restarts?: readonly Restart[];
}

export function RequestsPage({ query }: { query: URLSearchParams }) {
  const [isPaused, setPaused] = useState(false);
  const { since, until } = range.value;
  // What was before does not change.
  const isOver = until !== '';
  // A long span may be read from a file.
  const turn = useTurns(since === '' ? REFRESH_MS : SPAN_REFRESH_MS, !isPaused && !isOver);
  const { value, error, again } = useLoaded(
    (signal) => getJson<RequestsAnswer>(`/requests?${requestsQuery(query, LIMIT)}`, signal),
    `${query} ${since} ${until} ${turn}`,
  );
  const isSlowest = query.get('order') === 'slowest';
  const isCut = value?.requests.length === LIMIT;
  return (
    <>
      <div class="page-head">
        <h1>Requests</h1>
        <p class="sub">The last requests, and of each minute of an hour those that were slow or failed.</p>
      </div>
      <div class="filters">
        <Filters filters={query} />
        {!isOver && (
          <button type="button" onClick={() => setPaused(!isPaused)} aria-pressed={isPaused}>
            {isPaused ? 'Resume' : 'Pause'}
          </button>
        )}
      </div>
      <Restarts restarts={value?.restarts ?? []} />
      <Panel
        title={isSlowest ? 'Slowest first' : 'Newest first'}
        aside={isCut && `the ${isSlowest ? 'slowest' : 'newest'} ${LIMIT}`}
      >
        {error !== undefined && <Failure error={error} again={again} />}
        {value === undefined ? (
          error === undefined && <Loading rows={8} />
        ) : (
          <RequestsTable requests={value.requests} />
        )}
      </Panel>
    </>
  );
}

function RequestsTable({ requests }: { requests: readonly RequestEntry[] }) {
  if (requests.length === 0) {
    return (
      <Empty title="No such request">
        <p>None has arrived, or none matches the filters.</p>
      </Empty>
    );
  }
  const longest = Math.max(...requests.map(({ duration_ms }) => duration_ms));
  return (
    <div class="scroll">
      <table class="requests">
        <thead>
          <tr>
            <th>Time</th>
            <th>Request</th>
            <th>Outcome</th>
            <th class="number">Took</th>
            <th class="wide">Stages</th>
            <th class="number wide">Rows</th>
            <th class="number wide">Batch</th>
            <th class="number wide">Bytes in</th>
          </tr>
        </thead>
        <tbody>
          {requests.map((request) => (
            <RequestRow key={request.id} request={request} longest={longest} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function RequestRow({ request, longest }: { request: RequestEntry; longest: number }) {
  const { id, received_at, surface, method, model, version, duration_ms, rows, batch, request_bytes } = request;
  return (
    <tr>
      <td class="time">{arrivedText(received_at)}</td>
      <td>
        <a class="row-link" href={requestLink(id, untilOf(request))}>
          {surfaceName(surface)} {method}
        </a>{' '}
        <span class="muted">{model === '' ? '' : `${model} ${version}`}</span>
      </td>
      <td>
        <OutcomeChip request={request} />
      </td>
      <td class="number">{duration(duration_ms)}</td>
      <td class="wide">
        <MiniWaterfall request={request} longest={longest} />
      </td>
      <td class="number wide">{count(rows)}</td>
      <td class="number wide">{batch === undefined ? '–' : `${batch.rows} ${batch.rows === 1 ? 'row' : 'rows'}`}</td>
      <td class="number wide">{bytes(request_bytes)}</td>
    </tr>
  );
}

/**
 * A time after a request of an earlier run of the server and the others of its batch; undefined for this run. Each run
 * counts its ids from 1.
 */
export function untilOf({ received_at, duration_ms }: RequestEntry): string | undefined {
  const received = Date.parse(received_at);
  const isOfThisRun = about.value === undefined || received >= about.value.started_at_ms;
  return isOfThisRun ? undefined : String(Math.ceil(received + duration_ms) + 1);
}

/** The time of the day; with the day, if that is another one. */
function arrivedText(receivedAt: string): string {
  const date = new Date(receivedAt);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? date.toLocaleTimeString([], { hour12: false }) : date.toLocaleString([], { hour12: false });
}

export function surfaceName(surface: string): string {
  return surface === 'grpc' ? 'gRPC' : surface.toUpperCase();
}

export function OutcomeChip({ request }: { request: RequestEntry }) {
  const { outcome, kept } = request;
  if (outcome !== 'ok') return <Chip tone="bad">{words(outcome)}</Chip>;
  return kept === 'slow' ? <Chip tone="warn">slow</Chip> : <Chip tone="good">ok</Chip>;
}
