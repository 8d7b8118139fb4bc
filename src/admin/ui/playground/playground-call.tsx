/** The form of one signature, the answer, and the call as code. */
import { useState } from 'preact/hooks';
import type { SignatureDetail } from '../../model-detail.ts';
import { post } from '../api.ts';
import { duration } from '../format.ts';
import { Empty, Failure, Panel } from '../parts.tsx';
import { requestLink } from '../route.ts';
import { CodePanel } from './code-panel.tsx';
import { type Filled, InputField } from './input-field.tsx';
import { ResultView } from './result-view.tsx';
import { bodyOf, fieldsOf, type Verb } from './signature-form.ts';

interface PlaygroundCallProps {
  readonly model: string;
  readonly version: string | undefined;
  readonly signature: SignatureDetail;
  readonly verb: Verb;
}

interface Answered {
  readonly answer: unknown;
  readonly id: string | null;
  readonly tookMs: number;
}

type Outcome = { readonly answered: Answered } | { readonly error: Error } | 'sending' | undefined;

export function PlaygroundCall({ model, version, signature, verb }: PlaygroundCallProps) {
  const [filled, setFilled] = useState<ReadonlyMap<string, Filled>>(new Map());
  const [outcome, setOutcome] = useState<Outcome>();
  const fill = (name: string, value: Filled): void => setFilled((before) => new Map(before).set(name, value));
  const problem = [...filled.values()].find((each) => 'problem' in each);
  const fields = fieldsOf(signature);
  const isReady = problem === undefined && fields.every(({ tensor }) => filled.has(tensor.name));
  const values = new Map(fields.map(({ tensor: { name } }) => [name, valueIn(filled.get(name))]));
  const body = JSON.stringify(bodyOf(signature, values));
  const run = (event: Event): void => {
    event.preventDefault();
    setOutcome('sending');
    send(model, version, verb, body).then(
      (answered) => setOutcome({ answered }),
      (error: unknown) => setOutcome({ error: error as Error }),
    );
  };
  return (
    <>
      <div class="columns">
        <Panel title="Input">
          <form onSubmit={run}>
            {fields.map((field) => (
              <InputField key={field.tensor.name} field={field} onFilled={(value) => fill(field.tensor.name, value)} />
            ))}
            <button type="submit" class="primary" disabled={!isReady || outcome === 'sending'}>
              {outcome === 'sending' ? 'Asking …' : 'Ask the model'}
            </button>
          </form>
        </Panel>
        <Panel title="Answer">
          <OutcomeView outcome={outcome} />
        </Panel>
      </div>
      <Panel title="The same call as code">
        <CodePanel model={model} version={version} verb={verb} features={signature.features ?? []} body={body} />
      </Panel>
    </>
  );
}

function valueIn(filled: Filled | undefined): unknown {
  return filled !== undefined && 'value' in filled ? filled.value : undefined;
}

async function send(model: string, version: string | undefined, verb: Verb, body: string): Promise<Answered> {
  const query = new URLSearchParams({ model, ...(version !== undefined && { version }) });
  const before = performance.now();
  const response = await post(`/playground/${verb}?${query}`, body);
  const answer = (await response.json()) as unknown;
  return { answer, id: response.headers.get('x-request-id'), tookMs: performance.now() - before };
}

function OutcomeView({ outcome }: { outcome: Outcome }) {
  if (outcome === undefined || outcome === 'sending') {
    return (
      <Empty title={outcome === undefined ? 'Nothing asked yet' : 'Asking …'}>
        <p>{outcome === undefined ? 'The answer appears here, as bars or as a picture.' : '\u00a0'}</p>
      </Empty>
    );
  }
  if ('error' in outcome) return <Failure error={outcome.error} />;
  const { answer, id, tookMs } = outcome.answered;
  return (
    <>
      <p class="hint">
        Answered in {duration(tookMs)}, including the browser.{' '}
        {id !== null && <a href={requestLink(id)}>Where the time went</a>}
      </p>
      <ResultView answer={answer} />
    </>
  );
}
