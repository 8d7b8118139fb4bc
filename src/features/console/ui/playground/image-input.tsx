/** An image input: dropped, chosen, or drawn with the pointer. Shows the picture as the model gets it. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { TensorDetail } from '../../../../admin/model-detail.ts';
import { drawFile, type PixelRange, paintValues, pixelValues, startRange } from './image-values.ts';
import type { ImagePlan } from './input-kinds.ts';

interface ImageInputProps {
  readonly tensor: TensorDetail;
  readonly plan: ImagePlan;
  /** The row that it begins with; undefined = a black picture. */
  readonly sample: unknown;
  readonly onValue: (value: unknown) => void;
  /** There is no value: a picture could not be read. */
  readonly onProblem: (problem: string) => void;
}

/** Width of the shown picture. */
const SHOWN_PX = 168;

export function ImageInput({ tensor, plan, sample, onValue, onProblem }: ImageInputProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [range, setRange] = useState(() => startRange(tensor));
  const [problem, setProblem] = useState<string>();
  const [isOver, setOver] = useState(false);
  // The number of the last file: an earlier one that takes longer to read must not replace it.
  const turn = useRef(0);
  const report = (used: PixelRange): void => {
    setProblem(undefined);
    onValue(pixelValues(canvas.current!, plan, used));
  };
  // Reports the sample itself, or the black picture of the start; later changes are reported as they happen.
  useLayoutEffect(() => {
    if (paintValues(canvas.current!, plan, range, sample)) onValue(sample);
    else report(range);
  }, []);
  const change = (next: PixelRange): void => {
    setRange(next);
    if (problem === undefined) report(next);
  };
  const fail = (text: string): void => {
    clear(canvas.current!, plan);
    setProblem(text);
    onProblem(text);
  };
  const take = (file: File | undefined): void => {
    if (file === undefined) return;
    turn.current += 1;
    const own = turn.current;
    drawFile(file, canvas.current!, plan, () => own === turn.current).then(
      (isDrawn) => {
        if (isDrawn) report(range);
      },
      (error: unknown) => {
        if (own === turn.current) fail(`${file.name}: ${(error as Error).message}`);
      },
    );
  };
  const onDrop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    const file = event.dataTransfer?.files[0];
    if (file === undefined) fail('this was no file; drop a picture as a file');
    else take(file);
  };
  return (
    <div class="image-input">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the button beside it does the same */}
      <div
        class={`drop ${isOver ? 'over' : ''}`}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={onDrop}
      >
        <DrawingCanvas canvas={canvas} plan={plan} onStroke={() => report(range)} />
      </div>
      <div class="image-side">
        <p class="hint">
          Drop a picture here, choose one, or draw. It is cut to the middle and resized to {plan.width} × {plan.height}
          {plan.channels === 1 ? ' grey' : ' colour'} pixels.
        </p>
        <div class="actions">
          <label class="button">
            Choose a picture
            <input
              type="file"
              accept="image/*"
              class="unseen"
              onChange={(event) => {
                take(event.currentTarget.files?.[0]);
                // The same file may be chosen again.
                event.currentTarget.value = '';
              }}
            />
          </label>
          <button
            type="button"
            onClick={() => {
              turn.current += 1;
              clear(canvas.current!, plan);
              report(range);
            }}
          >
            Clear
          </button>
        </div>
        <RangeFields range={range} channels={plan.channels} setRange={change} />
        {problem !== undefined && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
      </div>
    </div>
  );
}

interface RangeFieldsProps {
  readonly range: PixelRange;
  readonly channels: number;
  readonly setRange: (range: PixelRange) => void;
}

function RangeFields({ range, channels, setRange }: RangeFieldsProps) {
  const field = (name: 'darkest' | 'brightest', label: string) => (
    <label class="field">
      {label}
      <input
        type="number"
        step="any"
        value={range[name]}
        onInput={(event) => setRange({ ...range, [name]: event.currentTarget.valueAsNumber || 0 })}
      />
    </label>
  );
  return (
    <div class="filters">
      {field('darkest', 'Black is')}
      {field('brightest', 'White is')}
      {channels === 3 && (
        <label class="check">
          <input
            type="checkbox"
            checked={range.isImageNet}
            onChange={(event) => setRange({ ...range, isImageNet: event.currentTarget.checked })}
          />
          ImageNet mean and deviation
        </label>
      )}
    </div>
  );
}

interface DrawingCanvasProps {
  readonly canvas: { current: HTMLCanvasElement | null };
  readonly plan: ImagePlan;
  readonly onStroke: () => void;
}

function DrawingCanvas({ canvas, plan, onStroke }: DrawingCanvasProps) {
  // Each new plan starts with a black canvas.
  useLayoutEffect(() => clear(canvas.current!, plan), [plan.width, plan.height]);
  const draw = (event: PointerEvent): void => {
    if (event.buttons === 0) return;
    const { width, height } = plan;
    const box = canvas.current!.getBoundingClientRect();
    const pen = canvas.current!.getContext('2d', { willReadFrequently: true })!;
    const [x, y] = [
      ((event.clientX - box.left) * width) / box.width,
      ((event.clientY - box.top) * height) / box.height,
    ];
    const radius = Math.max(0.7, width / 18);
    const ink = pen.createRadialGradient(x, y, 0, x, y, radius * 1.6);
    ink.addColorStop(0.5, 'rgb(255 255 255 / 0.9)');
    ink.addColorStop(1, 'rgb(255 255 255 / 0)');
    pen.fillStyle = ink;
    pen.fillRect(0, 0, width, height);
  };
  return (
    <canvas
      ref={canvas}
      role="img"
      aria-label="What the model sees"
      width={plan.width}
      height={plan.height}
      style={{ width: `${SHOWN_PX}px`, height: `${(SHOWN_PX * plan.height) / plan.width}px` }}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        draw(event);
      }}
      onPointerMove={draw}
      onPointerUp={onStroke}
    />
  );
}

function clear(canvas: HTMLCanvasElement, { width, height }: ImagePlan): void {
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext('2d', { willReadFrequently: true })!;
  pen.fillStyle = 'black';
  pen.fillRect(0, 0, width, height);
}
