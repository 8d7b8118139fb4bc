/**
 * uPlot as a component, with its container's width and the page's colours. The legend above it shows the values under
 * the cursor, or the newest.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { colour, theme } from '../theme.ts';

export interface PlotSeries {
  readonly label: string;
  /** A custom property of the styles: "--blue". */
  readonly colour: string;
  /** Drawn values, by index of x; null = none. */
  readonly values: readonly (number | null)[];
  /** The legend's values; by default the drawn ones. */
  readonly legend?: readonly (number | null)[];
  readonly look: 'line' | 'dashed' | 'area' | 'points';
}

interface PlotProps {
  /** The text that screen readers read. */
  readonly description: string;
  readonly x: readonly number[];
  /** Drawn in this order: later ones cover earlier ones. */
  readonly series: readonly PlotSeries[];
  readonly format: (value: number) => string;
  readonly formatX: (value: number) => string;
  /** Says in the legend which x its values belong to; by default "at" and formatX. */
  readonly formatAt?: (value: number) => string;
  /** Seconds since 1970 (default), or numbers at even ratios. */
  readonly scaleX?: 'time' | 'log2';
  /** Default: the range of the values. */
  readonly rangeX?: readonly [number, number];
  /** 'log10' is for values above 0. Default: linear from 0. */
  readonly scaleY?: 'log10';
  /** The top of the plot; by default the largest value. */
  readonly mostY?: number;
  readonly height?: number;
}

const HEIGHT = 180;

export function Plot(props: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const [under, setUnder] = useState<number>();
  const { x, series, height = HEIGHT } = props;
  const shape = `${theme.value} ${height} ${series.map((s) => s.label + s.look).join()}`;
  // A new `shape` needs a new plot; the next effect sets the data.
  useEffect(() => {
    const element = place.current!;
    const made = new uPlot(
      options(props, element.clientWidth, (at) => setUnder(at)),
      aligned(props),
      element,
    );
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [shape]);
  useEffect(() => {
    const made = plot.current;
    if (made === undefined) return;
    made.setData(aligned(props), false);
    made.setScale('x', rangeOf(props));
  });
  return (
    <figure class="plot">
      <Legend {...props} at={under !== undefined && under < x.length ? under : undefined} />
      <div ref={place} class="plot-place" role="img" aria-label={props.description} style={{ height: `${height}px` }} />
    </figure>
  );
}

function Legend(props: PlotProps & { at: number | undefined }) {
  const { x, series, format, at } = props;
  const { formatAt = (value: number) => `at ${props.formatX(value)}` } = props;
  const shownAt = at ?? x.length - 1;
  return (
    <figcaption class="legend">
      {[...series].reverse().map((each) => {
        const value = at === undefined && each.look === 'points' ? undefined : (each.legend ?? each.values)[shownAt];
        return (
          <span key={each.label}>
            <i class={`swatch ${each.look}`} style={{ '--swatch': `var(${each.colour})` }} />
            {each.label} <b>{value === undefined || value === null ? '' : format(value)}</b>
          </span>
        );
      })}
      <span class="at">{x[shownAt] === undefined ? '' : formatAt(x[shownAt])}</span>
    </figcaption>
  );
}

function aligned({ x, series, mostY = Infinity }: PlotProps): uPlot.AlignedData {
  const within = (value: number | null): number | null => (value === null ? null : Math.min(value, mostY));
  return [[...x], ...series.map(({ values }) => values.map(within))] as uPlot.AlignedData;
}

function rangeOf({ x, rangeX }: PlotProps): { min: number; max: number } {
  const [min, max] = rangeX ?? [x[0] ?? 0, x.at(-1) ?? 1];
  return { min, max };
}

function options(props: PlotProps, width: number, onCursor: (at: number | undefined) => void): uPlot.Options {
  const { height = HEIGHT, scaleX = 'time', series, formatX } = props;
  return {
    width,
    height,
    padding: [8, 28, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false }, sync: { key: scaleX } },
    scales: {
      x:
        scaleX === 'time'
          ? { time: true, auto: false }
          : { time: false, auto: false, distr: 3, log: 2, range: (_plot, min, max) => [min, max] },
      y: props.scaleY === 'log10' ? LOG_SCALE : { range: (_plot, _min, max) => [0, max > 0 ? max * 1.08 : 1] },
    },
    axes: axes(props),
    series: [{ value: (_plot, value) => formatX(value) }, ...series.map((each) => drawn(each, scaleX))],
    hooks: { setCursor: [({ cursor }) => onCursor(cursor.idx ?? undefined)] },
  };
}

/** Its ends are powers of ten: 0.1 to 10 without values. */
const LOG_SCALE: uPlot.Scale = {
  distr: 3,
  log: 10,
  range: (_plot, min, max) =>
    max > 0 ? [10 ** Math.floor(Math.log10(min)), 10 ** Math.ceil(Math.log10(max))] : [0.1, 10],
};

function axes({ scaleX = 'time', scaleY, format, formatX }: PlotProps): uPlot.Axis[] {
  const common = {
    stroke: colour('--muted'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: colour('--grid'), width: 1 },
    ticks: { show: false },
  };
  return [
    {
      ...common,
      size: 24,
      space: scaleX === 'log2' ? 24 : 70,
      grid: { show: false },
      ...(scaleX === 'log2' && { splits: powersOf(2) }),
      // uPlot passes null for a label that it leaves out.
      values: (_plot, splits) => splits.map((at: number | null) => (at === null ? '' : formatX(at))),
    },
    {
      ...common,
      size: 58,
      space: 34,
      ...(scaleY === 'log10' && { splits: powersOf(10) }),
      values: (_plot, splits) => splits.map((at: number | null) => (at === null ? '' : format(at))),
    },
  ];
}

/** 1, 2, 4, … or 0.1, 1, 10, … within the axis. */
function powersOf(base: number): uPlot.Axis.Splits {
  return (_plot, _axis, least, most) => {
    const powers: number[] = [];
    const first = Math.ceil(Math.log(least) / Math.log(base) - 1e-9);
    for (let power = first; base ** power <= most * (1 + 1e-9); power++) powers.push(base ** power);
    return powers;
  };
}

/** Over time, a null is a gap. In other plots the lines have values at some of the marks, and join these. */
function drawn({ colour: property, look }: PlotSeries, scaleX: PlotProps['scaleX']): uPlot.Series {
  const stroke = colour(property);
  if (look === 'points')
    return { stroke, width: 0, paths: () => null, points: { show: true, size: 4, stroke, fill: stroke } };
  const line = { stroke, width: 1.5, points: { show: false }, spanGaps: scaleX !== 'time' };
  if (look === 'area') return { ...line, width: 0, fill: stroke };
  return look === 'dashed' ? { ...line, dash: [5, 4] } : line;
}
