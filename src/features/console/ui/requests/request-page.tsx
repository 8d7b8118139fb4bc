/** The page of one request: its stages, its batch, and the other requests of the batch. */
import type { ComponentChildren } from 'preact';
import type { EventEntry, RequestEntry, StepEntry } from '../../../../admin/request-entry.ts';
import { getJson } from '../api.ts';
import { bytes, count, duration } from '../format.ts';
import { Failure, Loading, Panel } from '../parts.tsx';
import { Waterfall } from '../plots/waterfall.tsx';
import { modelLink, requestLink } from '../route.ts';
import { useLoaded } from '../use-loaded.ts';
import { KEPT_WORDS, whyNoBatch } from '../words.ts';
import { OutcomeChip, surfaceName, untilOf } from './requests-page.tsx';

/** `until`: the request is of an earlier run of the server, and arrived before that time. */
export function RequestPage({ id, until }: { id: string; until: string | undefined }) {
  const query = until === undefined ? '' : `?${new URLSearchParams({ until })}`;
  const { value, error, again } = useLoaded(
    (signal) => getJson<RequestEntry>(`/requests/${encodeURIComponent(id)}${query}`, signal),
    `${id} ${query}`,
  );
  return (
    <>
      <div class="page-head">
        <p class="crumb">
          <a href="#/requests">Requests</a> ›
        </p>
        <h1>
          {value === undefined ? `Request ${id}` : `${value.method} over ${surfaceName(value.surface)}`}{' '}
          {value !== undefined && <OutcomeChip request={value} />}
        </h1>
        <p class="sub">
          {value === undefined
            ? '\u00a0'
            : `${new Date(value.received_at).toLocaleString()}, ${duration(value.duration_ms)}`}
        </p>
      </div>
      {error !== undefined && <Failure error={error} again={again} />}
      {value === undefined ? error === undefined && <Loading rows={8} /> : <Details request={value} />}
    </>
  );
}

function Details({ request }: { request: RequestEntry }) {
  return (
    <>
      {request.error !== undefined && (
        <div class="failure">
          <p>
            <b>{request.error.kind.replaceAll('_', ' ')}</b>: {request.error.message}
          </p>
        </div>
      )}
      <Panel title="Where the time went">
        <Waterfall request={request} />
      </Panel>
      <div class="columns">
        <Panel title="Request">
          <Facts request={request} />
        </Panel>
        <Panel title="Batch">
          <BatchFacts request={request} />
        </Panel>
      </div>
    </>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function eventWords({ name, at_ms, attributes }: EventEntry): string {
  const after = `after ${duration(at_ms)}`;
  if (name === 'inference.breaker') return `${after} a circuit breaker refused its run`;
  if (name === 'inference.retry') return `${after} it was sent again to ${attributes['inference.remote.address']}`;
  return `${after}: ${name}`;
}

function Facts({ request }: { request: RequestEntry }) {
  const {
    id,
    trace_id,
    trace_url,
    model,
    version,
    signature,
    rows,
    request_bytes,
    response_bytes,
    peer,
    kept,
    events,
  } = request;
  const { cache, steps } = request;
  return (
    <dl class="facts">
      <Fact name="Id">
        <code>{id}</code>
      </Fact>
      {trace_id !== undefined && (
        <Fact name="Trace">
          <code>{trace_id}</code>{' '}
          {trace_url !== undefined && (
            <a href={trace_url} target="_blank" rel="noreferrer">
              show
            </a>
          )}
        </Fact>
      )}
      <Fact name="Model">
        {model === '' ? (
          'none of that name is served'
        ) : (
          <a href={modelLink(model)}>
            {version === '' ? `${model}, no such version loaded` : `${model}, version ${version}`}
          </a>
        )}
      </Fact>
      {signature !== '' && <Fact name="Signature">{signature}</Fact>}
      <Fact name="Rows">{count(rows)}</Fact>
      <Fact name="Bytes">{`${bytes(request_bytes)} in, ${bytes(response_bytes)} out`}</Fact>
      <Fact name="From">{peer}</Fact>
      {cache !== undefined && <Fact name="Cache">{CACHE_USES[cache] ?? cache}</Fact>}
      {steps !== undefined && <Fact name="Steps">{steps.map(stepWords).join('; ')}</Fact>}
      {events !== undefined && <Fact name="Events">{events.map(eventWords).join('; ')}</Fact>}
      <Fact name="Kept">{KEPT_WORDS[kept]}</Fact>
    </dl>
  );
}

const REASONS: Readonly<Record<string, string>> = {
  full: 'it was full',
  enough: 'it was large enough',
  slot_free: 'a slot was free',
  isolation: 'the batch before failed, and its requests ran again in smaller batches',
  timeout: 'waiting longer would have been too late',
};

const CACHE_USES: Readonly<Record<string, string>> = {
  hit: 'it got a kept answer',
  coalesced: 'it waited for a run of the same request',
  miss: 'it ran, and its answer was kept',
};

function stepWords({ model, version, outcome, start_ms, duration_ms, cache, steps }: StepEntry): string {
  const notes = [outcome !== 'ok' && outcome.replaceAll('_', ' '), cache].filter(Boolean).join(', ');
  const inner = steps === undefined ? '' : ` (${steps.map(stepWords).join('; ')})`;
  const when = `after ${duration(start_ms)}, for ${duration(duration_ms)}`;
  return `${model}, version ${version}, ${when}${notes === '' ? '' : `: ${notes}`}${inner}`;
}

function BatchFacts({ request }: { request: RequestEntry }) {
  const { batch, isolated } = request;
  if (batch === undefined) return <p class="muted">{whyNoBatch(request)}</p>;
  const padding = batch.size - batch.rows;
  return (
    <dl class="facts">
      <Fact name="Rows">{`${batch.rows}, of ${batch.tasks} ${batch.tasks === 1 ? 'request' : 'requests'}${padding > 0 ? `, and ${padding} of padding` : ''}`}</Fact>
      <Fact name="Started because">{REASONS[batch.reason] ?? batch.reason}</Fact>
      {isolated !== undefined && (
        <Fact name="Run again">{`after ${duration(isolated.at_ms)}: a batch of ${isolated.tasks} failed (${isolated.because})`}</Fact>
      )}
      <Fact name="Run">{duration(batch.run_ms)}</Fact>
      <Fact name="Expected">{duration(batch.expected_ms)}</Fact>
      <Fact name="With">
        {batch.mates.length === 0 ? (
          batch.tasks === 1 ? (
            'no other request'
          ) : (
            'requests that are not remembered'
          )
        ) : (
          <span class="mates">
            {batch.mates.map((id) => (
              <a key={id} href={requestLink(id, untilOf(request))}>
                {id}
              </a>
            ))}
          </span>
        )}
      </Fact>
    </dl>
  );
}
