/** The form of one signature, the answer, and the call as code. */
import { useState } from 'preact/hooks';
import type { SampleDetail, SignatureDetail } from '../../../../admin/model-detail.ts';
import { ApiError, post } from '../api.ts';
import { duration } from '../format.ts';
import { Empty, Failure, Panel, Select } from '../parts.tsx';
import { requestLink } from '../route.ts';
import { CodePanel } from './code-panel.tsx';
import { parseAnswer } from './exact-json.ts';
import { type Filled, InputField } from './input-field.tsx';
import { ResultView } from './result-view.tsx';
import { SampleStrip } from './sample-strip.tsx';
import { bodyOf, type FormField, fieldsOf, type Verb, withSample } from './signature-form.ts';

interface PlaygroundCallProps {
  readonly model: string;
  readonly version: string | undefined;
  readonly signature: SignatureDetail;
  readonly verb: Verb;
  readonly samples: readonly SampleDetail[];
  /** The names of classes by output, where they are known. */
  readonly classes: Readonly<Record<string, readonly string[]>>;
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

export function PlaygroundCall({ model, version, signature, verb, samples, classes }: PlaygroundCallProps) {
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
            <SampleStrip fields={fields} samples={samples} chosen={sampleAt} choose={setSample} />
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
          <OutcomeView
            outcome={outcome}
            hasProblem={problem !== undefined}
            body={body}
            fields={fields}
            outputs={signature.outputs.map(({ name }) => name)}
            classes={classes}
          />
        </Panel>
      </div>
      <Panel title="The same call as code">
        {isReady ? (
          <CodePanel model={model} version={version} verb={verb} signature={signature} body={body} />
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
  const answer = parseAnswer(await response.text());
  return { answer, id: response.headers.get('x-request-id'), tookMs: performance.now() - before };
}

interface OutcomeProps {
  readonly outcome: Outcome;
  /** The form has no valid input. */
  readonly hasProblem: boolean;
  /** The request that the form would send now. */
  readonly body: string;
  readonly fields: readonly FormField[];
  readonly outputs: readonly string[];
  readonly classes: PlaygroundCallProps['classes'];
}

function OutcomeView({ outcome, hasProblem, body, fields, outputs, classes }: OutcomeProps) {
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
        <FailurePlace error={outcome.error} fields={fields} />
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
      <ResultView answer={answer} outputs={outputs} classes={classes} />
    </>
  );
}

/** Leads to the inputs that the refusal names, and to the request's stages. */
function FailurePlace({ error, fields }: { error: Error; fields: readonly FormField[] }) {
  const named = fields.filter(({ tensor }) => error.message.includes(JSON.stringify(tensor.name)));
  const id = error instanceof ApiError ? error.requestId : undefined;
  return (
    <p class="hint places">
      {named.map(({ tensor: { name } }) => (
        <button key={name} type="button" onClick={() => showInput(name)}>
          Go to the input {name}
        </button>
      ))}
      {id !== undefined && <a href={requestLink(id)}>Where it failed</a>}
    </p>
  );
}

/** Moves to the first control of the input's field. */
function showInput(name: string): void {
  const field = [...document.querySelectorAll<HTMLElement>('fieldset.input')].find(
    (each) => each.dataset['input'] === name,
  );
  field?.querySelector<HTMLElement>('textarea, input, button')?.focus();
}

function OldInput() {
  return (
    <p class="notice" role="status">
      The input has changed since. Ask again for its answer.
    </p>
  );
}
