/** A model's answer as bars, a picture, a table, a number or text; and as raw JSON. */
import { useEffect, useRef } from 'preact/hooks';
import { count } from '../format.ts';
import {
  type BarChoice,
  namedOutputs,
  type Picture,
  pictureOf,
  type Table,
  tableOf,
  topBars,
} from './result-shapes.ts';

interface ResultViewProps {
  readonly answer: unknown;
  /** The outputs of the signature: an answer with one output does not name it. */
  readonly outputs: readonly string[];
  /** The names of classes by output, where they are known. */
  readonly classes: Readonly<Record<string, readonly string[]>>;
}

export function ResultView({ answer, outputs, classes }: ResultViewProps) {
  const classesOf = (name: string): readonly string[] => {
    const output = name === '' && outputs.length === 1 ? outputs[0]! : name;
    return Object.hasOwn(classes, output) ? classes[output]! : [];
  };
  return (
    <>
      {namedOutputs(answer).map(([name, value]) => (
        <div key={name} class="output">
          {name !== '' && (
            <h3>
              <code>{name}</code>
            </h3>
          )}
          <Output value={value} classes={classesOf(name)} />
        </div>
      ))}
      <details>
        <summary>The answer as JSON</summary>
        <pre class="raw">{JSON.stringify(answer, undefined, 1)}</pre>
      </details>
    </>
  );
}

function Output({ value, classes }: { value: unknown; classes: readonly string[] }) {
  if (typeof value === 'number') return <p class="big-number">{String(value)}</p>;
  const bars = topBars(value, classes);
  if (bars !== undefined) return <Bars bars={bars.bars} note={bars.note} />;
  const picture = pictureOf(value);
  if (picture !== undefined) return <PictureView picture={picture} />;
  const table = tableOf(value, classes);
  if (table !== undefined) return <TableView table={table} />;
  return <pre class="raw">{JSON.stringify(value)}</pre>;
}

function TableView({ table: { rows, columns, note } }: { table: Table }) {
  return (
    <>
      <div class="scroll">
        <table class="values">
          {columns.length > 0 && (
            <thead>
              <tr>
                <th aria-label="Row" />
                {columns.map((name, at) => (
                  <th key={`${at} ${name}`} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
          )}
          <tbody>
            {rows.map((row, at) => (
              <tr key={String(at)}>
                <th scope="row">{at}</th>
                {row.map((cell, column) => (
                  <td key={String(column)}>{typeof cell === 'number' ? precise(cell) : String(cell)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {note !== undefined && <p class="hint">{note}</p>}
    </>
  );
}

function Bars({ bars, note }: BarChoice) {
  const most = Math.max(...bars.map(({ value }) => Math.abs(value))) || 1;
  const best = Math.max(...bars.map(({ value }) => value));
  return (
    <>
      <table class="bars">
        <tbody>
          {bars.map(({ label, value }, at) => (
            <tr key={`${at} ${label}`} class={value === best ? 'best' : ''}>
              <th scope="row" title={label}>
                <span>{label}</span>
              </th>
              <td class="track">
                <i class={value < 0 ? 'negative' : ''} style={{ width: `${(100 * Math.abs(value)) / most}%` }} />
              </td>
              <td class="number">{precise(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {note !== undefined && <p class="hint">{note}</p>}
    </>
  );
}

function precise(value: number): string {
  return Math.abs(value) < 1000 ? Number(value.toPrecision(4)).toString() : count(value);
}

function PictureView({ picture }: { picture: Picture }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const pen = canvas.current!.getContext('2d')!;
    pen.putImageData(new ImageData(picture.pixels, picture.width, picture.height), 0, 0);
  }, [picture]);
  return (
    <>
      <canvas
        ref={canvas}
        class="picture"
        width={picture.width}
        height={picture.height}
        role="img"
        aria-label="The answer as a picture"
      />
      <p class="hint">
        {picture.width} × {picture.height}; black is {precise(picture.least)}, white is {precise(picture.most)}.
      </p>
    </>
  );
}
