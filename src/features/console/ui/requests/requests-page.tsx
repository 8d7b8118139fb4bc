/** The flight recorder's requests: the last ones, the slow ones and the failed ones. */
import { useEffect, useState } from 'preact/hooks';
import type { RequestEntry } from '../../../../admin/request-entry.ts';
import { getJson } from '../api.ts';
import { bytes, count, duration } from '../format.ts';
import { models } from '../live.ts';
import { Chip, Empty, Failure, Loading, Panel, Select } from '../parts.tsx';
import { MiniWaterfall } from '../plots/waterfall.tsx';
import { requestLink } from '../route.ts';
import { useLoaded } from '../use-loaded.ts';

const LIMIT = 50;
const REFRESH_MS = 2000;

export function RequestsPage({ query }: { query: URLSearchParams }) {
  const [isPaused, setPaused] = useState(false);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (isPaused) return;
    const timer = setInterval(() => setTurn((before) => before + 1), REFRESH_MS);
    return () => clearInterval(timer);
  }, [isPaused]);
  const asked = filtersOf(query);
  const { value, error, again } = useLoaded(
    (signal) => getJson<{ requests: readonly RequestEntry[] }>(`/requests?${asked}`, signal),
    `${asked} ${turn}`,
  );
  return (
    <>
      <div class="page-head">
        <h1>Requests</h1>
        <p class="sub">The last requests, and those that were slow or failed.</p>
      </div>
      <div class="filters">
        <Filters query={query} />
        <button type="button" onClick={() => setPaused(!isPaused)} aria-pressed={isPaused}>
          {isPaused ? 'Resume' : 'Pause'}
        </button>
      </div>
      <Panel title="Newest first" aside={value?.requests.length === LIMIT && `the newest ${LIMIT}`}>
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

function filtersOf(query: URLSearchParams): string {
  const asked = new URLSearchParams({ limit: String(LIMIT) });
  for (const name of ['model', 'outcome', 'kept']) {
    const value = query.get(name);
    if (value) asked.set(name, value);
  }
  return asked.toString();
}

const OUTCOMES = ['ok', 'overloaded', 'deadline_exceeded', 'invalid_request', 'model_not_found', 'backend_failed'];

const words = (kind: string): string => kind.replaceAll('_', ' ');
const asItIs = (name: string): string => name;

function Filters({ query }: { query: URLSearchParams }) {
  const set = (name: string, value: string): void => {
    const next = new URLSearchParams(query);
    if (value === '') next.delete(name);
    else next.set(name, value);
    location.hash = `#/requests?${next}`;
  };
  const select = (name: string, label: string, options: readonly string[], textOf = words) => (
    <Select
      label={label}
      value={query.get(name) ?? ''}
      options={['', ...options]}
      set={(value) => set(name, value)}
      textOf={(option) => (option === '' ? 'any' : textOf(option))}
    />
  );
  return (
    <>
      {select('model', 'Model', models.value?.models.map(({ name }) => name) ?? [], asItIs)}
      {select('outcome', 'Outcome', OUTCOMES)}
      {select('kept', 'Kept because', ['slow', 'failed'])}
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
            <th class="number">Rows</th>
            <th class="number">Batch</th>
            <th class="number">Bytes in</th>
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
      <td class="time">{new Date(received_at).toLocaleTimeString([], { hour12: false })}</td>
      <td>
        <a class="row-link" href={requestLink(id)}>
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
      <td class="number">{count(rows)}</td>
      <td class="number">{batch === undefined ? '–' : `${batch.rows} ${batch.rows === 1 ? 'row' : 'rows'}`}</td>
      <td class="number">{bytes(request_bytes)}</td>
    </tr>
  );
}

export function surfaceName(surface: string): string {
  return surface === 'grpc' ? 'gRPC' : surface.toUpperCase();
}

export function OutcomeChip({ request }: { request: RequestEntry }) {
  const { outcome, kept } = request;
  if (outcome !== 'ok') return <Chip tone="bad">{words(outcome)}</Chip>;
  return kept === 'slow' ? <Chip tone="warn">slow</Chip> : <Chip tone="good">ok</Chip>;
}
