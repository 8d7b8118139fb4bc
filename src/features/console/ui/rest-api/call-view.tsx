/** One call of the REST API: its parameters, schemas and answers, and a form to try it. */
import { useState } from 'preact/hooks';
import { Select } from '../parts.tsx';
import { type Call, type Content, type Description, nameOf, type Parameter, schemaText } from './description.ts';
import { TryIt } from './try-it.tsx';

export function CallView({ call, description }: { call: Call; description: Description }) {
  const { method, variants } = call;
  const [path, setPath] = useState(variants[0]!.path);
  const { operation } = variants.find((each) => each.path === path)!;
  const { parameters = [], requestBody, responses } = operation;
  const { schemas } = description.components;
  const [status, ...errors] = Object.keys(responses);
  const body = requestBody?.content['application/json']?.schema;
  return (
    <div class="call">
      {variants.length > 1 && (
        <Select label="Path" value={path} options={variants.map((each) => each.path)} set={setPath} />
      )}
      <TryIt
        key={path}
        method={method}
        path={path}
        parameters={parameters}
        bodySchema={body === undefined ? undefined : (nameOf(body) ?? '')}
      />
      {parameters.length > 0 && <Parameters parameters={parameters} />}
      {requestBody !== undefined && (
        <Schemas
          title={requestBody.required === true ? 'Body' : 'Body, which may be left out'}
          {...{ schemas }}
          content={requestBody.content}
        />
      )}
      <Schemas title={`Answer ${status}`} schemas={schemas} content={responses[status!]!.content ?? {}} />
      <details>
        <summary>Errors: {errors.join(', ')}</summary>
        <dl class="facts">
          {errors.map((each) => (
            <div key={each}>
              <dt>{each}</dt>
              <dd>{responses[each]!.description}</dd>
            </div>
          ))}
        </dl>
      </details>
    </div>
  );
}

function Parameters({ parameters }: { parameters: readonly Parameter[] }) {
  return (
    <details>
      <summary>Parameters: {parameters.length}</summary>
      <dl class="facts">
        {parameters.map(({ name, in: place, description, schema, required }) => (
          <div key={name}>
            <dt>
              <code>{name}</code>
            </dt>
            <dd>
              {description}{' '}
              <span class="muted">
                {place}, {schemaText(schema, {})}
                {required === true && ', required'}
              </span>
            </dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

function Schemas(props: { title: string; content: Content; schemas: Description['components']['schemas'] }) {
  const { title, content, schemas } = props;
  const all = Object.entries(content);
  if (all.length === 0) return <p class="muted">{title}: no body.</p>;
  return (
    <details>
      <summary>
        {title}: {all.map(([type]) => type).join(', ')}
      </summary>
      {all.map(([type, { schema }]) =>
        schema === undefined ? null : (
          <pre key={type} class="code">
            {schemaText(schema, schemas)}
          </pre>
        ),
      )}
    </details>
  );
}
