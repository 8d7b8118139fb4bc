/** The form of one signature, the answer, and the call as code. */
import { useState } from 'preact/hooks';
import type { SampleDetail, SignatureDetail } from '../../../../admin/model-detail.ts';
import { post } from '../api.ts';
import { duration } from '../format.ts';
import { Empty, Failure, Panel, Select } from '../parts.tsx';
import { requestLink } from '../route.ts';
import { CodePanel } from './code-panel.tsx';
import { type Filled, InputField } from './input-field.tsx';
import { ResultView } from './result-view.tsx';
import { bodyOf, fieldsOf, type Verb, withSample } from './signature-form.ts';

interface PlaygroundCallProps {
  readonly model: string;
  readonly version: string | undefined;
  readonly signature: SignatureDetail;
  readonly verb: Verb;
  readonly samples: readonly SampleDetail[];
}

interface Answered {
  readonly answer: unknown;
  readonly id: string | null;
  readonly tookMs: number;
}

/** `body` is what was asked. */
type Outcome =
  | { readonly answered: Answered; readonly body: string }
  | { readonly error: Error; readonly body: string }
  | 'sending'
  | undefined;

export function PlaygroundCall({ model, version, signature, verb, samples }: PlaygroundCallProps) {
  const [filled, setFilled] = useState<ReadonlyMap<string, Filled>>(new Map());
  const [outcome, setOutcome] = useState<Outcome>();
  const [sampleAt, setSample] = useState(samples.length === 0 ? '' : '0');
  const fill = (name: string, value: Filled): void => {
    setFilled((before) => new Map(before).set(name, value));
    // Outcomes are about an input, and now there is none.
    if ('problem' in value) setOutcome(undefined);
  };
  const problem = [...filled.values()].find((each) => 'problem' in each);
  const fields = withSample(fieldsOf(signature), sampleAt === '' ? undefined : samples[Number(sampleAt)]);
  const isReady = problem === undefined && fields.every(({ tensor }) => filled.has(tensor.name));
  const values = new Map(fields.map(({ tensor: { name } }) => [name, valueIn(filled.get(name))]));
  const body = JSON.stringify(bodyOf(signature, values));
  const run = (event: Event): void => {
    event.preventDefault();
    setOutcome('sending');
    send(model, version, verb, body).then(
      (answered) => setOutcome({ answered, body }),
      (error: unknown) => setOutcome({ error: error as Error, body }),
    );
  };
  return (
    <>
      <div class="columns">
        <Panel title="Input">
          <form onSubmit={run}>
            {samples.length > 0 && (
              <Select
                label="Begin with"
                value={sampleAt}
                options={[...samples.keys()].map(String).concat('')}
                set={setSample}
                textOf={(at) => (at === '' ? 'an empty form' : samples[Number(at)]!.name)}
              />
            )}
            {fields.map((field) => (
              <InputField
                key={`${sampleAt} ${field.tensor.name}`}
                field={field}
                onFilled={(value) => fill(field.tensor.name, value)}
              />
            ))}
            <button type="submit" class="primary" disabled={!isReady || outcome === 'sending'}>
              {outcome === 'sending' ? 'Asking …' : 'Ask the model'}
            </button>
          </form>
        </Panel>
        <Panel title="Answer">
          <OutcomeView outcome={outcome} hasProblem={problem !== undefined} body={body} />
        </Panel>
      </div>
      <Panel title="The same call as code">
        {isReady ? (
          <CodePanel model={model} version={version} verb={verb} features={signature.features ?? []} body={body} />
        ) : (
          <p class="muted">It appears when the form is filled in.</p>
        )}
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

interface OutcomeProps {
  readonly outcome: Outcome;
  /** The form has no valid input. */
  readonly hasProblem: boolean;
  /** The request that the form would send now. */
  readonly body: string;
}

function OutcomeView({ outcome, hasProblem, body }: OutcomeProps) {
  if (hasProblem && outcome !== 'sending') {
    return (
      <Empty title="There is nothing to ask">
        <p>The form says what is wrong with the input.</p>
      </Empty>
    );
  }
  if (outcome === undefined || outcome === 'sending') {
    return (
      <Empty title={outcome === undefined ? 'Nothing asked yet' : 'Asking …'}>
        <p>{outcome === undefined ? 'The answer appears here, as bars or as a picture.' : '\u00a0'}</p>
      </Empty>
    );
  }
  const isOld = outcome.body !== body;
  if ('error' in outcome) {
    return (
      <>
        {isOld && <OldInput />}
        <Failure error={outcome.error} />
      </>
    );
  }
  const { answer, id, tookMs } = outcome.answered;
  return (
    <>
      {isOld && <OldInput />}
      <p class="hint">
        Answered in {duration(tookMs)}, including the browser.{' '}
        {id !== null && <a href={requestLink(id)}>Where the time went</a>}
      </p>
      <ResultView answer={answer} />
    </>
  );
}

function OldInput() {
  return (
    <p class="notice" role="status">
      The input has changed since. Ask again for its answer.
    </p>
  );
}
