/** The playground: a form for a model's signature, the answer, and the same call as code. */
import { useState } from 'preact/hooks';
import type { LoadedDetail, ModelDetail, SampleDetail, SignatureDetail } from '../../../../admin/model-detail.ts';
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
  const samples = useSamples(model, loaded);
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
      {signature !== undefined && verb !== undefined && samples === undefined && <Loading rows={6} />}
      {signature !== undefined && verb !== undefined && samples !== undefined && (
        <PlaygroundCall
          key={`${loaded?.version} ${signature.name}`}
          model={model}
          version={version === '' ? undefined : version}
          signature={signature}
          verb={verb}
          samples={samplesFor(signature, samples)}
        />
      )}
    </>
  );
}

/** The version's samples; undefined while they are loaded. Without them the form is empty. */
function useSamples(model: string, loaded: LoadedDetail | undefined): readonly SampleDetail[] | undefined {
  const hasSome = loaded?.samples !== undefined;
  const { value, error } = useLoaded(
    (signal) => (hasSome ? getSamples(model, loaded.version, signal) : Promise.resolve(undefined)),
    `${model} ${loaded?.version} ${loaded?.samples}`,
  );
  if (!hasSome || error !== undefined) return [];
  return value?.version === loaded.version ? value.samples : undefined;
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
