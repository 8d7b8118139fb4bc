/** A version's samples as small pictures to choose from, where an input of theirs has the shape of a picture. */
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { SampleDetail } from '../../../../admin/model-detail.ts';
import { paintValues, startRange } from './image-values.ts';
import { fitted, type ImagePlan, imagePlan, rowShape } from './input-kinds.ts';
import type { FormField } from './signature-form.ts';

/** The others are in the list alone. */
const MOST = 24;

interface SampleStripProps {
  readonly fields: readonly FormField[];
  readonly samples: readonly SampleDetail[];
  /** The chosen sample's place in the list. */
  readonly chosen: string;
  readonly choose: (at: string) => void;
}

export function SampleStrip({ fields, samples, chosen, choose }: SampleStripProps) {
  const pictured = fields.flatMap((field) => {
    const plan = imagePlan(field.tensor, field.batch);
    return plan === undefined ? [] : [{ field, plan }];
  })[0];
  if (pictured === undefined || samples.length === 0) return null;
  const { field, plan } = pictured;
  return (
    <fieldset class="samples" aria-label="Samples">
      {samples.slice(0, MOST).map((sample, at) => (
        <button
          key={String(at)}
          type="button"
          title={sample.name}
          aria-label={sample.name}
          aria-pressed={chosen === String(at)}
          onClick={() => choose(String(at))}
        >
          <Thumbnail field={field} plan={plan} sample={sample} />
        </button>
      ))}
      {samples.length > MOST && <span class="hint">and {samples.length - MOST} more in the list</span>}
    </fieldset>
  );
}

function Thumbnail({ field, plan, sample }: { field: FormField; plan: ImagePlan; sample: SampleDetail }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { tensor, batch } = field;
  useLayoutEffect(() => {
    const row = fitted(sample.inputs[tensor.input ?? tensor.name], rowShape(tensor, batch));
    paintValues(canvas.current!, plan, startRange(tensor), row);
  }, [sample]);
  return <canvas ref={canvas} width={plan.width} height={plan.height} />;
}
