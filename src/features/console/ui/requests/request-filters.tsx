/** The filters of the request list, which are the query of its address. */
import { models } from '../live.ts';
import { Select } from '../parts.tsx';
import { range, spanOf } from '../range.ts';

const OUTCOMES = [
  ...['ok', 'failed', 'overloaded', 'deadline_exceeded', 'invalid_request', 'model_not_found', 'model_not_ready'],
  ...['backend_failed', 'cancelled'],
];

const PARAMETERS = ['model', 'version', 'outcome', 'kept', 'caller', 'error', 'id', 'trace', 'order'] as const;

export const words = (kind: string): string => kind.replaceAll('_', ' ');
const asItIs = (name: string): string => name;

/** The query of GET /requests for the filters, and for the span that the page shows. */
export function requestsQuery(filters: URLSearchParams, limit: number): string {
  const asked = new URLSearchParams({ limit: String(limit) });
  for (const name of PARAMETERS) {
    const value = filters.get(name);
    if (value) asked.set(name, value);
  }
  const span = spanOf(range.value, Date.now());
  if (span !== undefined) asked.set('since', String(Math.round(span.from)));
  if (span?.isOpen === false) asked.set('until', String(Math.round(span.to)));
  return asked.toString();
}

interface FilterProps {
  readonly filters: URLSearchParams;
}

export function Filters({ filters }: FilterProps) {
  const select = (name: string, label: string, options: readonly string[], textOf = words) => (
    <Select
      label={label}
      value={filters.get(name) ?? ''}
      options={['', ...options]}
      set={(value) => set(filters, { [name]: value })}
      textOf={(option) => (option === '' ? 'any' : textOf(option))}
    />
  );
  const model = models.value?.models.find(({ name }) => name === filters.get('model'));
  return (
    <>
      {select('model', 'Model', models.value?.models.map(({ name }) => name) ?? [], asItIs)}
      {model !== undefined &&
        select(
          'version',
          'Version',
          model.versions.map(({ version }) => version),
          asItIs,
        )}
      {select('outcome', 'Outcome', OUTCOMES)}
      {select('kept', 'Kept because', ['slow', 'failed'])}
      <Find label="Caller" value={filters.get('caller') ?? ''} find={(caller) => set(filters, { caller })} />
      <Find label="Error has" value={filters.get('error') ?? ''} find={(error) => set(filters, { error })} />
      <Find
        label="Id or trace"
        value={filters.get('id') ?? filters.get('trace') ?? ''}
        find={(text) => set(filters, isTrace(text) ? { id: '', trace: text } : { id: text, trace: '' })}
      />
      <Select
        label="Order"
        value={filters.get('order') ?? ''}
        options={['', 'slowest']}
        set={(order) => set(filters, { order })}
        textOf={(option) => (option === '' ? 'newest first' : 'slowest first')}
      />
    </>
  );
}

function isTrace(text: string): boolean {
  return /^[\da-f]{32}$/i.test(text);
}

/** Puts values into the address; an empty one is left out. */
function set(filters: URLSearchParams, values: Readonly<Record<string, string>>): void {
  const next = new URLSearchParams(filters);
  for (const [name, value] of Object.entries(values)) {
    if (value === '') next.delete(name);
    else next.set(name, value);
  }
  location.hash = `#/requests?${next}`;
}

/** A field that counts when it is left, or with Enter. */
function Find({ label, value, find }: { label: string; value: string; find: (text: string) => void }) {
  return (
    <label class="field">
      {label}
      <input type="search" value={value} onChange={(event) => find(event.currentTarget.value.trim())} />
    </label>
  );
}
