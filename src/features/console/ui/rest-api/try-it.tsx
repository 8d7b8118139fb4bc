/** Sends a call of the REST API by the playground's path, and shows it as code. */
import { useState } from 'preact/hooks';
import type { ModelDetail } from '../../../../admin/model-detail.ts';
import { ApiError, getModel, post } from '../api.ts';
import { CodeView } from '../code/code-view.tsx';
import { HTTP_LANGUAGES, type HttpCall, httpCode } from '../code/http-code.ts';
import { seen } from '../code/quoting.ts';
import { about, models } from '../live.ts';
import { Failure } from '../parts.tsx';
import { isExact } from '../playground/exact-json.ts';
import { requestLink } from '../route.ts';
import { useLoaded } from '../use-loaded.ts';
import { filledPath, type Parameter } from './description.ts';
import { exampleBody } from './example-body.ts';
import { jsonText } from './json-text.ts';

interface TryItProps {
  readonly method: 'GET' | 'POST';
  /** With names in braces. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
  /** The name of the body's schema; undefined = it has none in JSON. */
  readonly bodySchema: string | undefined;
}

interface Answered {
  readonly text: string;
  readonly id: string | null;
}

type Outcome = Answered | Error | 'sending' | undefined;

export function TryIt({ method, path, parameters, bodySchema }: TryItProps) {
  const names = models.value?.models.map(({ name }) => name) ?? [];
  const [given, setGiven] = useState<Readonly<Record<string, string>>>({});
  const [typed, setTyped] = useState<string>();
  const [outcome, setOutcome] = useState<Outcome>();
  const values = { model: names[0] ?? '', ...given };
  const wanted = parameters.filter((each) => each.in === 'path');
  const detail = useDetail(wanted.some(({ name }) => name === 'model') ? values.model : '');
  const signatures = detail?.loaded[0]?.signatures ?? [];
  const body = bodySchema === undefined ? undefined : (typed ?? exampleBody(bodySchema, signatures));
  const problem = body === undefined ? undefined : jsonProblem(body);
  const target = filledPath(path, values);
  const send = (event: Event): void => {
    event.preventDefault();
    setOutcome('sending');
    ask(method, target!, body).then(setOutcome, (error: unknown) => setOutcome(error as Error));
  };
  return (
    <>
      <form onSubmit={send}>
        <div class="filters">
          {wanted.map(({ name }) => (
            <label key={name} class="field">
              {name}
              <input
                value={values[name as keyof typeof values] ?? ''}
                list={name === 'model' ? 'served-models' : undefined}
                onInput={(event) => setGiven({ ...given, [name]: event.currentTarget.value })}
              />
            </label>
          ))}
        </div>
        <datalist id="served-models">
          {names.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        {body !== undefined && (
          <textarea
            aria-label="Body"
            rows={Math.min(12, body.split('\n').length + 1)}
            spellcheck={false}
            value={body}
            aria-invalid={problem !== undefined}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        )}
        {problem !== undefined && <p class="problem">{problem}</p>}
        <button
          type="submit"
          class="primary"
          disabled={target === undefined || problem !== undefined || outcome === 'sending'}
        >
          Send
        </button>
      </form>
      <OutcomeView outcome={outcome} />
      {target !== undefined && problem === undefined && <Code method={method} path={target} body={body} />}
    </>
  );
}

/** Undefined while it is loaded, and for a model that is not there. */
function useDetail(model: string): ModelDetail | undefined {
  const { value } = useLoaded((signal) => (model === '' ? Promise.resolve(undefined) : getModel(model, signal)), model);
  return value?.name === model ? value : undefined;
}

function jsonProblem(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return `The body is no JSON: ${(error as Error).message}`;
  }
}

async function ask(method: string, path: string, body: string | undefined): Promise<Answered> {
  const response = await post(`/playground/request?${new URLSearchParams({ method, path })}`, body);
  const text = await response.text();
  return { text: indented(text), id: response.headers.get('x-request-id') };
}

function indented(text: string): string {
  try {
    return isExact(text) ? jsonText(JSON.parse(text)) : text;
  } catch {
    return text;
  }
}

function OutcomeView({ outcome }: { outcome: Outcome }) {
  if (outcome === undefined || outcome === 'sending') return null;
  const isError = outcome instanceof Error;
  const id = isError ? (outcome instanceof ApiError ? outcome.requestId : undefined) : (outcome.id ?? undefined);
  return (
    <div role="status">
      {isError ? (
        <Failure error={outcome} />
      ) : (
        <pre class="raw">{outcome.text === '' ? 'Done: the answer has no body.' : outcome.text}</pre>
      )}
      {id !== undefined && (
        <p class="hint">
          <a href={requestLink(id)}>Where the time went</a>
        </p>
      )}
    </div>
  );
}

function Code({ method, path, body }: Pick<HttpCall, 'method' | 'path' | 'body'>) {
  const server = about.value;
  const target = {
    rest: server?.rest ?? [],
    isTls: server?.rest_is_tls ?? false,
    wantsKey: server?.wants_key ?? false,
  };
  const call: HttpCall = { ...target, method, path, body: body && seen(body) };
  return <CodeView languages={HTTP_LANGUAGES} codeOf={(each) => httpCode(each, call)} target={target} body={body} />;
}
