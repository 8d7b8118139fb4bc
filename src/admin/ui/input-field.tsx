/** One input of a signature, filled in as its dtype and shape allow. */
import { useEffect, useState } from 'preact/hooks';
import type { SignatureDetail, TensorDetail } from '../model-detail.ts';
import { ImageInput } from './image-input.tsx';
import { blank, type InputKind, imagePlan, kindsOf, parseNumbers, rowShape } from './input-kinds.ts';
import { Choices } from './parts.tsx';
import { shapeText } from './signatures-table.tsx';

/** What was filled in: a value, or why there is none yet. */
export type Filled = { readonly value: unknown } | { readonly problem: string };

interface InputFieldProps {
  readonly tensor: TensorDetail;
  readonly batch: SignatureDetail['batch'];
  readonly onFilled: (filled: Filled) => void;
}

const LABELS: Readonly<Record<InputKind, string>> = {
  image: 'Picture',
  text: 'Text',
  numbers: 'Numbers',
  json: 'JSON',
};

export function InputField({ tensor, batch, onFilled }: InputFieldProps) {
  const kinds = kindsOf(tensor, batch);
  const [kind, setKind] = useState<InputKind>(kinds[0]!);
  const id = `input-${tensor.name}`;
  return (
    <fieldset class="input">
      <legend>
        <code>{tensor.name}</code>{' '}
        <span class="muted">
          {tensor.dtype} {shapeText(rowShape(tensor, batch))}
        </span>
      </legend>
      {kinds.length > 1 && (
        <Choices
          label={`How to fill in ${tensor.name}`}
          options={kinds}
          chosen={kind}
          choose={setKind}
          textOf={(each) => LABELS[each]}
        />
      )}
      {kind === 'image' ? (
        <ImageInput
          tensor={tensor}
          plan={imagePlan(tensor, batch)!}
          onValue={(value) => onFilled({ value: wrapped(value, tensor, batch) })}
        />
      ) : (
        <TextInput key={kind} id={id} kind={kind} tensor={tensor} batch={batch} onFilled={onFilled} />
      )}
    </fieldset>
  );
}

/** Where the whole shape begins with a batch of one, a picture is one of it. */
function wrapped(value: unknown, tensor: TensorDetail, batch: SignatureDetail['batch']): unknown {
  return rowShape(tensor, batch)?.length === 4 ? [value] : value;
}

function TextInput({ id, kind, tensor, batch, onFilled }: InputFieldProps & { id: string; kind: InputKind }) {
  const read = (text: string): Filled => {
    try {
      if (kind === 'text') return { value: shapedText(text, rowShape(tensor, batch)) };
      return { value: kind === 'numbers' ? parseNumbers(text, rowShape(tensor, batch)) : JSON.parse(text) };
    } catch (error) {
      return { problem: `${tensor.name}: ${(error as Error).message}` };
    }
  };
  const [text, setText] = useState(() => startText(kind, tensor, batch));
  // What it begins with is told once; changes are told below.
  useEffect(() => onFilled(read(text)), []);
  const filled = read(text);
  const problem = 'problem' in filled ? filled.problem : undefined;
  const change = (next: string): void => {
    setText(next);
    onFilled(read(next));
  };
  return (
    <>
      <textarea
        id={id}
        aria-label={`${LABELS[kind]} for ${tensor.name}`}
        rows={kind === 'json' ? 6 : 2}
        spellcheck={false}
        value={text}
        aria-invalid={problem !== undefined}
        onInput={(event) => change(event.currentTarget.value)}
      />
      {problem !== undefined && <p class="problem">{problem}</p>}
      {kind === 'numbers' && tensor.dtype.includes('float') && (
        <button type="button" class="small" onClick={() => change(randomText(text))}>
          Random numbers
        </button>
      )}
    </>
  );
}

function startText(kind: InputKind, tensor: TensorDetail, batch: SignatureDetail['batch']): string {
  if (kind === 'text') return '';
  const value = blank(tensor, batch);
  if (kind === 'json') return JSON.stringify(value);
  const [size = 1] = rowShape(tensor, batch) ?? [];
  return Array.from({ length: Math.max(1, size) }, () => '0').join(', ');
}

/** As many as there are. */
function randomText(text: string): string {
  return text
    .split(/[\s,;]+/)
    .map(() => Math.random().toFixed(3))
    .join(', ');
}

/** A string where one is wanted; in as many lists as its shape [1, 1] has. */
function shapedText(text: string, shape: readonly number[] | undefined): unknown {
  return (shape ?? []).reduce<unknown>((value) => [value], text);
}
