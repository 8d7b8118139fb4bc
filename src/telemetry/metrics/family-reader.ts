/**
 * Reads a metrics page of somebody else's, in Prometheus' text format or in OpenMetrics, as strictly as Prometheus does: a line
 * that Prometheus cannot read would cost it the whole page, and ours with it. Lines are kept as they came.
 *
 *   write(text) … end() ──▶ families: # HELP, # TYPE, # UNIT, samples
 *
 * Samples of a family that stand apart are put together. Comments and empty lines are dropped.
 */

/** A metric's lines. */
export interface Family {
  readonly name: string;
  type: string | undefined;
  /** The first of each kind. */
  readonly head: string[];
  readonly samples: string[];
  /** Names of its samples. */
  readonly sampleNames: Set<string>;
}

/** Why a page cannot be read, with the number of the line. */
export class MetricsTextError extends Error {}

const MAX_LINE_CHARS = 64 * 1024;

const TEXT_TYPES: ReadonlySet<string> = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped']);
const OPEN_TYPES: ReadonlySet<string> = new Set([
  ...['counter', 'gauge', 'histogram', 'summary', 'unknown', 'info', 'stateset', 'gaugehistogram'],
]);

/** What may stand behind the family's name in its samples' names. Without a row here: nothing. */
const TEXT_SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['_sum', '_count'],
};
const OPEN_SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total', '_created'],
  histogram: ['_bucket', '_sum', '_count', '_created'],
  gaugehistogram: ['_bucket', '_gsum', '_gcount'],
  summary: ['_sum', '_count', '_created'],
  info: ['_info'],
};

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABELS = String.raw`\{[ \t]*(?:[a-zA-Z_][a-zA-Z0-9_]*[ \t]*=[ \t]*"(?:[^"\\]|\\.)*"[ \t]*(?:,[ \t]*|(?=\})))*\}`;
const NUMBER = String.raw`[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[iI][nN][fF](?:inity)?|[nN][aA][nN])`;
const SAMPLE = String.raw`^(${NAME})(?:[ \t]*${LABELS}[ \t]*|[ \t]+)${NUMBER}`;
const TEXT_SAMPLE = new RegExp(String.raw`${SAMPLE}(?:[ \t]+-?\d+)?[ \t]*$`);
const OPEN_SAMPLE = new RegExp(`${SAMPLE}(?: ${NUMBER})?(?: # ${LABELS} ${NUMBER}(?: ${NUMBER})?)?$`);
const HEAD = new RegExp(String.raw`^#[ \t]+(HELP|TYPE|UNIT)[ \t]+(${NAME})(?:[ \t]+(.*))?$`);
const EOF = '# EOF';
const LAST_SUFFIX = /_[a-z]+$/;

export class FamilyReader {
  readonly families = new Map<string, Family>();
  readonly #isOpen: boolean;
  #rest = '';
  #line = 0;
  #hasEnded = false;

  /** `isOpen`: OpenMetrics. */
  constructor(isOpen: boolean) {
    this.#isOpen = isOpen;
  }

  /** Any part of the page. Throws MetricsTextError. */
  write(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) this.#read(line);
    if (this.#rest.length > MAX_LINE_CHARS) this.#fail('is too long');
  }

  /** The page is over. Throws MetricsTextError. */
  end(): ReadonlyMap<string, Family> {
    if (this.#rest !== '') this.#read(this.#rest);
    if (this.#isOpen && !this.#hasEnded) throw new MetricsTextError(`it ends without ${EOF}`);
    return this.families;
  }

  #read(line: string): void {
    this.#line += 1;
    if (this.#hasEnded) this.#fail(`stands behind ${EOF}`);
    if (line.length > MAX_LINE_CHARS) this.#fail('is too long');
    if (this.#isOpen && line === EOF) this.#hasEnded = true;
    else if (line.startsWith('#')) this.#readHead(line);
    else if (line.trim() !== '') this.#readSample(line);
  }

  #readHead(line: string): void {
    const match = HEAD.exec(line);
    if (match === null) return;
    const [, kind, name, value = ''] = match;
    const family = this.#familyOf(name!);
    if (kind === 'TYPE') {
      const type = value.trim();
      if (!(this.#isOpen ? OPEN_TYPES : TEXT_TYPES).has(type)) this.#fail('has a type that does not exist');
      if (family.type !== undefined || family.samples.length > 0) this.#fail('comes too late: its metric has begun');
      family.type = type;
    }
    if (!family.head.some((other) => HEAD.exec(other)![1] === kind)) family.head.push(line);
  }

  #readSample(line: string): void {
    const match = (this.#isOpen ? OPEN_SAMPLE : TEXT_SAMPLE).exec(line);
    if (match === null) this.#fail('is no sample');
    const name = match![1]!;
    const family = this.#declared(name) ?? this.#familyOf(name);
    family.samples.push(line);
    family.sampleNames.add(name);
  }

  /** The family whose type allows a sample of this name. */
  #declared(name: string): Family | undefined {
    const suffix = LAST_SUFFIX.exec(name)?.[0];
    if (suffix === undefined) return undefined;
    const family = this.families.get(name.slice(0, -suffix.length));
    const suffixes = (this.#isOpen ? OPEN_SUFFIXES : TEXT_SUFFIXES)[family?.type ?? ''];
    return suffixes?.includes(suffix) ? family : undefined;
  }

  #familyOf(name: string): Family {
    let family = this.families.get(name);
    if (family === undefined) {
      family = { name, type: undefined, head: [], samples: [], sampleNames: new Set() };
      this.families.set(name, family);
    }
    return family;
  }

  #fail(what: string): never {
    throw new MetricsTextError(`line ${this.#line} ${what}`);
  }
}
