/** A model's answer as bars, a picture, a number or text; and as raw JSON. */
import { useEffect, useRef } from 'preact/hooks';
import { count } from '../format.ts';
import { type BarChoice, namedOutputs, type Picture, pictureOf, topBars } from './result-shapes.ts';

export function ResultView({ answer }: { answer: unknown }) {
  return (
    <>
      {namedOutputs(answer).map(([name, value]) => (
        <div key={name} class="output">
          {name !== '' && (
            <h3>
              <code>{name}</code>
            </h3>
          )}
          <Output value={value} />
        </div>
      ))}
      <details>
        <summary>The answer as JSON</summary>
        <pre class="raw">{JSON.stringify(answer, undefined, 1)}</pre>
      </details>
    </>
  );
}

function Output({ value }: { value: unknown }) {
  if (typeof value === 'number') return <p class="big-number">{String(value)}</p>;
  const bars = topBars(value);
  if (bars !== undefined) return <Bars bars={bars.bars} note={bars.note} />;
  const picture = pictureOf(value);
  if (picture !== undefined) return <PictureView picture={picture} />;
  return <pre class="raw">{JSON.stringify(value)}</pre>;
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
