/** The REST API: its calls by protocol, as /openapi.json describes them, each with a form to try it. */
import { useState } from 'preact/hooks';
import { getJson } from '../api.ts';
import { Empty, Failure, Loading, Panel, saveFile } from '../parts.tsx';
import { useLoaded } from '../use-loaded.ts';
import { CallView } from './call-view.tsx';
import { type Call, callsOf, type Description } from './description.ts';
import { jsonText } from './json-text.ts';

export function RestApiPage() {
  const { value, error, again } = useLoaded((signal) => getJson<Description>('/openapi.json', signal), 'openapi');
  const [wanted, setWanted] = useState('');
  const calls = value === undefined ? [] : callsOf(value).filter((call) => fits(call, wanted));
  const tags = [...new Set(calls.map(({ tag }) => tag))];
  return (
    <>
      <div class="page-head">
        <h1>REST API</h1>
        <p class="sub">{value?.info.description ?? 'What clients may ask over HTTP.'}</p>
      </div>
      {error !== undefined && <Failure error={error} again={again} />}
      {value === undefined && error === undefined && <Loading rows={8} />}
      {value !== undefined && (
        <>
          <div class="filters">
            <label class="field">
              Calls with
              <input
                type="search"
                value={wanted}
                placeholder="predict, /v2, metadata …"
                onInput={(event) => setWanted(event.currentTarget.value)}
              />
            </label>
            <button
              type="button"
              onClick={() => saveFile(new Blob([jsonText(value)], { type: 'application/json' }), 'openapi.json')}
            >
              openapi.json
            </button>
          </div>
          {calls.length === 0 && <Empty title="No call has that in its path or its summary" />}
          {tags.map((tag) => (
            <Panel key={tag} title={tag}>
              <ul class="calls">
                {calls
                  .filter((call) => call.tag === tag)
                  .map((call) => (
                    <Entry key={`${call.method} ${call.summary}`} call={call} description={value} />
                  ))}
              </ul>
            </Panel>
          ))}
        </>
      )}
    </>
  );
}

function fits({ summary, method, variants }: Call, wanted: string): boolean {
  const text = `${method} ${summary} ${variants.map(({ path }) => path).join(' ')}`.toLowerCase();
  return wanted
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** Its content is made when it is first opened. */
function Entry({ call, description }: { call: Call; description: Description }) {
  const [isOpen, setOpen] = useState(false);
  const { method, summary, variants } = call;
  return (
    <li>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <span class={`verb ${method.toLowerCase()}`}>{method}</span> <code>{variants[0]!.path}</code>{' '}
          <span class="muted">{summary}</span>
        </summary>
        {isOpen && <CallView call={call} description={description} />}
      </details>
    </li>
  );
}
