/** The figures of the text benchmark as a page. */
import type { Machine } from '../support/machine.ts';
import { median, medianInterval, medianRatio } from '../support/statistics.ts';

export interface Figure {
  readonly textsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

export interface TextResults {
  readonly machine: Machine;
  readonly startedAt: string;
  readonly starts: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly callers: number;
  /** The characters of the texts are at 10, 50 and 90 %. */
  readonly texts: { readonly count: number; readonly characters: readonly number[] };
  /** The figures of each round, the rounds of all starts one after another. */
  readonly contestants: readonly {
    readonly name: string;
    readonly says: string;
    readonly figures: readonly Figure[];
  }[];
}

export function renderTable({ contestants }: TextResults): string {
  const of = (figures: readonly Figure[], key: keyof Figure): readonly number[] => figures.map((each) => each[key]);
  const own = contestants[0]!.figures;
  const rows = contestants.map(({ name, says, figures }) => {
    const [rate, p50, p99] = (['textsPerSecond', 'p50', 'p99'] as const).map((key) =>
      median(of(figures, key)).toFixed(1),
    );
    const shares = of(own, 'textsPerSecond').map((each, i) => each / figures[i]!.textsPerSecond);
    const [low, high] = medianInterval(shares);
    const times = `${median(shares).toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
    const late = medianRatio(of(own, 'p99'), of(figures, 'p99')).toFixed(2);
    return `| ${[name, says, rate, p50, p99, ...(figures === own ? ['', ''] : [times, late])].join(' | ')} |`;
  });
  return [
    '| server | what it is | texts a second | p50 ms | p99 ms | pillion ÷ it, texts a second | pillion ÷ it, p99 |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

export function renderPage(results: TextResults): string {
  const { machine, startedAt, starts, rounds, seconds, callers, texts } = results;
  return `# Embeddings of text beside other servers

Made by \`npm run bench -- text\` on ${startedAt.slice(0, 10)}: ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}. all-MiniLM-L6-v2 in float32;
those with ONNX Runtime have the same file. ${callers} callers each ask for the embedding of one text over REST, again when they have their answer; the ${texts.count}
texts are paragraphs and sentences of this project's pages, with ${texts.characters.join(', ')} characters at 10, 50 and 90 %. The callers' process
shares the cores. ${starts} starts of ${rounds} rounds of ${seconds} s, in turn, the others stopped meanwhile. Medians of all rounds; a ratio is
the median of those of the rounds, with an interval that holds it. All answers of the first texts are within 1e-4 of each other.

${renderTable(results)}

Versions: [bench/text](../../bench/text/torch-requirements.txt). Every round: [bench/results/text.json](../../bench/results/text.json).
`;
}
