/** Which answers carry a load report, and the report of the moment, each form of which is written once. */
import type { LoadFigures, LoadMeter } from './load-meter.ts';
import { type LoadFormat, LoadReport } from './load-report.ts';

export interface LoadReportsOptions {
  readonly meter: Pick<LoadMeter, 'figures'>;
  /** Every answer has one, not only those to requests that ask for it. */
  readonly isAlways: boolean;
  /** Whoever may send requests may know which models there are. */
  readonly namesModels: boolean;
}

export class LoadReports {
  readonly #options: LoadReportsOptions;
  #figures: LoadFigures | undefined;
  #report: LoadReport | undefined;

  constructor(options: LoadReportsOptions) {
    this.#options = options;
  }

  /** The report of the moment; undefined before the first request was answered. */
  get report(): LoadReport | undefined {
    const { meter, namesModels } = this.#options;
    const figures = meter.figures();
    if (figures === undefined) return undefined;
    if (this.#report === undefined || figures !== this.#figures) {
      this.#figures = figures;
      this.#report = new LoadReport(figures, namesModels);
    }
    return this.#report;
  }

  /** The header of the HTTP answer to a request that asks for `format`; undefined: it carries no report. */
  header(format: LoadFormat | undefined): readonly [name: string, value: string] | undefined {
    const wanted = format ?? (this.#options.isAlways ? 'text' : undefined);
    return wanted === undefined ? undefined : this.report?.header(wanted);
  }

  /** The report on the gRPC answer to a call; undefined: it carries none. */
  onCall(isAsked: boolean): LoadReport | undefined {
    return isAsked || this.#options.isAlways ? this.report : undefined;
  }
}
