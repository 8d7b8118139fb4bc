/** Batch sizes over time: one column per second, one row per doubling of the size; the colour shows the share. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { LiveTick } from '../../live-report.ts';
import { SHOWN_SECONDS } from '../live.ts';
import { type ModelChoice, stretches, versionsOf } from '../live-window.ts';
import { colour, theme } from '../theme.ts';

const ROW_PX = 22;
const LABEL_PX = 58;
const AXIS_PX = 6;

/** The number of batches in each class of sizes, in one tick. */
function sizesOf(tick: LiveTick, choice: ModelChoice): readonly number[] {
  const sums: number[] = [];
  for (const { batches } of versionsOf(tick, choice)) {
    for (const [size, times] of (batches?.sizes ?? []).entries()) sums[size] = (sums[size] ?? 0) + times;
  }
  return sums;
}

const className = (size: number): string => (size < 2 ? `${2 ** size}` : `${2 ** (size - 1) + 1}–${2 ** size}`);

export function BatchHeat({ ticks, choice }: { ticks: readonly LiveTick[]; choice: ModelChoice }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const columns = ticks.map((tick) => sizesOf(tick, choice));
  const rows = Math.max(4, ...columns.map((sizes) => sizes.length));
  const height = rows * ROW_PX + AXIS_PX;
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
    watch.observe(canvas.current!.parentElement!);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    if (width > 0) draw(canvas.current!, { ticks, columns, rows, width, height });
  }, [ticks, width, theme.value]);
  const totals = Array.from({ length: rows }, (_, row) => columns.reduce((sum, sizes) => sum + (sizes[row] ?? 0), 0));
  const all = totals.reduce((sum, times) => sum + times, 0);
  return (
    <div class="heat">
      <canvas ref={canvas} role="img" aria-label={description(totals, all)} style={{ height: `${height}px` }} />
      <p class="hint">
        Rows of a batch by second. The stronger the colour, the larger the share of batches of that size in that second.
        Grey: nobody counted, because no console was open.
      </p>
    </div>
  );
}

function description(totals: readonly number[], all: number): string {
  if (all === 0) return 'No batch ran';
  const shares = totals.map((times, row) => `${className(row)} rows: ${Math.round((100 * times) / all)} %`);
  return `Sizes of batches. ${shares.join(', ')}`;
}

interface Drawing {
  readonly ticks: readonly LiveTick[];
  readonly columns: readonly (readonly number[])[];
  readonly rows: number;
  readonly width: number;
  readonly height: number;
}

function draw(canvas: HTMLCanvasElement, { ticks, columns, rows, width, height }: Drawing): void {
  const scale = devicePixelRatio;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const pen = canvas.getContext('2d')!;
  pen.scale(scale, scale);
  const cell = (width - LABEL_PX) / SHOWN_SECONDS;
  const newest = ticks.at(-1)?.at_ms ?? 0;
  pen.font = '11px system-ui, sans-serif';
  pen.textAlign = 'right';
  pen.textBaseline = 'middle';
  for (let row = 0; row < rows; row++) {
    const top = (rows - 1 - row) * ROW_PX;
    pen.fillStyle = colour('--muted');
    pen.fillText(className(row), LABEL_PX - 8, top + ROW_PX / 2);
    pen.fillStyle = colour('--grid');
    pen.fillRect(LABEL_PX, top + ROW_PX - 1, width - LABEL_PX, 1);
  }
  const x = (ms: number): number => Math.max(LABEL_PX, width - ((newest - ms) / 1000) * cell);
  let counted = LABEL_PX;
  for (const { from, to, at } of stretches(ticks)) {
    if (at === undefined) continue;
    const [left, right] = [x(from), x(to)];
    drawUncounted(pen, counted, left, rows * ROW_PX);
    counted = right;
    drawSizes(pen, columns[at]!, rows, left, Math.max(1, right - left));
  }
  drawUncounted(pen, counted, width, rows * ROW_PX);
}

function drawSizes(pen: CanvasRenderingContext2D, sizes: readonly number[], rows: number, left: number, width: number) {
  const all = sizes.reduce((sum, times) => sum + (times ?? 0), 0);
  pen.fillStyle = colour('--accent');
  for (const [row, times] of sizes.entries()) {
    if (!times) continue;
    pen.globalAlpha = 0.12 + 0.88 * (times / all);
    pen.fillRect(left, (rows - 1 - row) * ROW_PX + 1, width, ROW_PX - 3);
  }
  pen.globalAlpha = 1;
}

function drawUncounted(pen: CanvasRenderingContext2D, left: number, right: number, height: number): void {
  if (right - left < 1) return;
  pen.globalAlpha = 0.5;
  pen.fillStyle = colour('--grid');
  pen.fillRect(left, 0, right - left, height);
  pen.globalAlpha = 1;
}
