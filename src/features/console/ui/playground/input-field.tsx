/** The form field of one input, by its dtype and shape. */
import { useLayoutEffect, useState } from 'preact/hooks';
import type { SignatureDetail, TensorDetail } from '../../../../admin/model-detail.ts';
import { shapeText } from '../models/signatures-table.tsx';
import { Choices } from '../parts.tsx';
import { parseTyped } from './exact-json.ts';
import { ImageInput } from './image-input.tsx';
import { blank, fitted, type InputKind, imagePlan, kindsOf, parseNumbers, rowShape } from './input-kinds.ts';
import type { FormField } from './signature-form.ts';

/** The field's value, or the reason why there is none yet. */
export type Filled = { readonly value: unknown } | { readonly problem: string };

interface InputFieldProps {
  readonly field: FormField;
  readonly onFilled: (filled: Filled) => void;
}

const LABELS: Readonly<Record<InputKind, string>> = {
  image: 'Picture',
  text: 'Text',
  numbers: 'Numbers',
  json: 'JSON',
};

export function InputField({ field, onFilled }: InputFieldProps) {
  const { tensor, batch, note, leftOut } = field;
  const [isLeftOut, setLeftOut] = useState(leftOut !== undefined && field.sample === undefined);
  // Every control reports its value when it appears. An effect after the paint could undo typed text.
  useLayoutEffect(() => {
    if (isLeftOut) onFilled({ value: undefined });
  }, [isLeftOut]);
  return (
    <fieldset class="input" data-input={tensor.name}>
      <legend>
        <code>{tensor.name}</code>{' '}
        <span class="muted">{note ?? `${tensor.dtype} ${shapeText(rowShape(tensor, batch))}`}</span>
      </legend>
      {leftOut !== undefined && (
        <label class="check">
          <input type="checkbox" checked={isLeftOut} onChange={(event) => setLeftOut(event.currentTarget.checked)} />
          <span>
            Leave out <code>{tensor.name}</code> <span class="muted">({leftOut})</span>
          </span>
        </label>
      )}
      {!isLeftOut && <Control field={field} onFilled={onFilled} />}
    </fieldset>
  );
}

/** The best kind of control for the input, until the user chooses another. */
function Control({ field, onFilled }: InputFieldProps) {
  const { tensor, batch } = field;
  const kinds = kindsOf(tensor, batch);
  const [kind, setKind] = useState<InputKind>(kinds[0]!);
  return (
    <>
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
          sample={field.sample}
          onValue={(value) => onFilled({ value: fitted(value, batchOfOne(tensor, batch)) })}
          onProblem={(problem) => onFilled({ problem: `${tensor.name}: ${problem}` })}
        />
      ) : (
        <TextInput key={kind} kind={kind} field={field} onFilled={onFilled} />
      )}
    </>
  );
}

/** If the shape includes a batch of one, the picture becomes that batch. Undefined = it does not. */
function batchOfOne(tensor: TensorDetail, batch: SignatureDetail['batch']): readonly number[] | undefined {
  const shape = rowShape(tensor, batch);
  return shape?.length === 4 ? shape : undefined;
}

function TextInput({ kind, field, onFilled }: InputFieldProps & { kind: InputKind }) {
  const { tensor, batch } = field;
  const read = (text: string): Filled => {
    try {
      if (kind === 'text') return { value: shapedText(text, rowShape(tensor, batch)) };
      return {
        value:
          kind === 'numbers'
            ? parseNumbers(text, rowShape(tensor, batch), tensor.dtype)
            : parseTyped(text, tensor.dtype),
      };
    } catch (error) {
      return { problem: `${tensor.name}: ${(error as Error).message}` };
    }
  };
  const [text, setText] = useState(() => startText(kind, field));
  // Reports the first value; `change` reports later ones.
  useLayoutEffect(() => onFilled(read(text)), []);
  const filled = read(text);
  const problem = 'problem' in filled ? filled.problem : undefined;
  const change = (next: string): void => {
    setText(next);
    onFilled(read(next));
  };
  return (
    <>
      <textarea
        id={`input-${tensor.name}`}
        aria-label={`${LABELS[kind]} for ${tensor.name}`}
        rows={kind === 'json' ? 6 : 2}
        spellcheck={false}
        value={text}
        aria-invalid={problem !== undefined}
        onInput={(event) => change(event.currentTarget.value)}
      />
      {problem !== undefined && <p class="problem">{problem}</p>}
      {kind === 'numbers' && tensor.dtype.includes('float') && (
        <button type="button" class="small" onClick={() => change(randomText(text, tensor.range))}>
          Random numbers
        </button>
      )}
    </>
  );
}

function startText(kind: InputKind, { tensor, batch, start, sample }: FormField): string {
  if (sample !== undefined) return sampleText(kind, sample);
  if (kind === 'text') return '';
  if (kind === 'json' && start !== undefined) return start;
  const value = blank(tensor, batch);
  if (kind === 'json') return JSON.stringify(value);
  const [size = 1] = rowShape(tensor, batch) ?? [];
  return Array.from({ length: Math.max(1, size) }, () => '0').join(', ');
}

function sampleText(kind: InputKind, sample: unknown): string {
  if (kind === 'json') return JSON.stringify(sample);
  return [sample].flat(Number.POSITIVE_INFINITY).join(', ');
}

/** Random numbers: as many as the text has, within the input's range. */
function randomText(text: string, [lowest, highest]: readonly [number, number] = [0, 1]): string {
  return text
    .split(/[\s,;]+/)
    .map(() => (lowest + Math.random() * (highest - lowest)).toFixed(3))
    .join(', ');
}

/** The string, nested in one list per dimension of its shape. */
function shapedText(text: string, shape: readonly number[] | undefined): unknown {
  return (shape ?? []).reduce<unknown>((value) => [value], text);
}
