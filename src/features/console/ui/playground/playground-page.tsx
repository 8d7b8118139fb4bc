/** The playground: a form for a model's signature, the answer, and the same call as code. */
import { useState } from 'preact/hooks';
import type { LoadedDetail, ModelDetail, SamplesDetail, SignatureDetail } from '../../../../admin/model-detail.ts';
import { getModel, getSamples } from '../api.ts';
import { models } from '../live.ts';
import { Empty, Failure, Loading, Panel, Select } from '../parts.tsx';
import { playgroundLink } from '../route.ts';
import { useLoaded } from '../use-loaded.ts';
import { PlaygroundCall } from './playground-call.tsx';
import { samplesFor, verbOf } from './signature-form.ts';

export function PlaygroundPage({ model }: { model: string | undefined }) {
  const names = models.value?.models.map(({ name }) => name) ?? [];
  const chosen = model ?? names[0];
  return (
    <>
      <div class="page-head">
        <h1>Playground</h1>
        <p class="sub">Sends one request, which is counted and recorded like any other.</p>
      </div>
      {chosen === undefined ? (
        models.value === undefined ? (
          <Loading rows={6} />
        ) : (
          <Empty title="No model is served" />
        )
      ) : (
        <Chosen key={chosen} model={chosen} names={names} />
      )}
    </>
  );
}

function Chosen({ model, names }: { model: string; names: readonly string[] }) {
  const states = models.value?.models.find(({ name }) => name === model)?.versions.map((v) => v.version + v.state);
  const { value, error, again } = useLoaded((signal) => getModel(model, signal), `${model} ${states}`);
  const [version, setVersion] = useState('');
  const [signatureName, setSignature] = useState('');
  const loaded = value?.loaded.find((each) => each.version === version) ?? value?.loaded[0];
  const usable = loaded?.signatures.filter((each) => verbOf(each) !== undefined) ?? [];
  const signature = usable.find(({ name }) => name === signatureName) ?? preferred(usable);
  const verb = signature && verbOf(signature);
  const tryOut = useTryOut(model, loaded);
  return (
    <>
      <div class="filters">
        <Select label="Model" value={model} options={names.includes(model) ? names : [model, ...names]} set={go} />
        <Select
          label="Version"
          value={version}
          options={['', ...(value?.loaded.map((each) => each.version) ?? [])]}
          set={setVersion}
          textOf={(each) => each || 'the latest'}
        />
        <Select
          label="Signature"
          value={signature?.name ?? ''}
          options={usable.map(({ name }) => name)}
          set={setSignature}
        />
      </div>
      {error !== undefined && <Failure error={error} again={again} />}
      {value === undefined && error === undefined && <Loading rows={6} />}
      {value !== undefined && signature === undefined && <NothingToAsk detail={value} />}
      {signature !== undefined && verb !== undefined && tryOut === undefined && <Loading rows={6} />}
      {signature !== undefined && verb !== undefined && tryOut !== undefined && (
        <PlaygroundCall
          key={`${loaded?.version} ${signature.name}`}
          model={model}
          version={version === '' ? undefined : version}
          signature={signature}
          verb={verb}
          samples={samplesFor(signature, tryOut.samples)}
          classes={Object.hasOwn(tryOut.classes, signature.name) ? tryOut.classes[signature.name]! : {}}
        />
      )}
    </>
  );
}

type TryOut = Pick<SamplesDetail, 'samples' | 'classes'>;
const NO_TRY_OUT: TryOut = { samples: [], classes: {} };

/** The version's samples and classes; undefined while they are loaded. Without them the form is empty. */
function useTryOut(model: string, loaded: LoadedDetail | undefined): TryOut | undefined {
  const version = loaded?.version;
  const { value, error } = useLoaded(
    (signal) => (version === undefined ? Promise.resolve(undefined) : getSamples(model, version, signal)),
    `${model} ${version} ${loaded?.samples}`,
  );
  if (version === undefined || error !== undefined) return NO_TRY_OUT;
  return value?.version === version ? value : undefined;
}

const go = (model: string): void => {
  location.hash = playgroundLink(model);
};

function preferred(signatures: readonly SignatureDetail[]): SignatureDetail | undefined {
  return signatures.find(({ name }) => name === 'serving_default') ?? signatures[0];
}

function NothingToAsk({ detail }: { detail: ModelDetail }) {
  return (
    <Panel title="Input">
      <Empty title={detail.loaded.length === 0 ? 'No version is loaded' : 'It has no signature that can be asked here'}>
        <p>{detail.error ?? 'The model’s page shows its versions and signatures.'}</p>
      </Empty>
    </Panel>
  );
}
