/** Decides which answers carry a load report, and has the report of the moment, each form of which is written once. */
import type { AnswerReports } from '../../proxy/answer-reports.ts';
import type { LoadFigures, LoadMeter } from './load-meter.ts';
import { LOAD_FORMAT_HEADER, LoadReport, loadFormatOf } from './load-report.ts';

export interface LoadReportsOptions {
  readonly meter: Pick<LoadMeter, 'figures'>;
  /** Every answer has one, not only those to requests that ask for it. */
  readonly isAlways: boolean;
  /** Whoever may send requests may know which models there are. */
  readonly namesModels: boolean;
}

export class LoadReports implements AnswerReports {
  readonly askedBy = LOAD_FORMAT_HEADER;
  readonly isAlways: boolean;
  readonly #options: LoadReportsOptions;
  #figures: LoadFigures | undefined;
  #report: LoadReport | undefined;

  constructor(options: LoadReportsOptions) {
    this.#options = options;
    this.isAlways = options.isAlways;
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

  onHttp(asked: string | undefined): readonly [name: string, value: string] | undefined {
    const format = loadFormatOf(asked) ?? (this.isAlways ? 'text' : undefined);
    return format === undefined ? undefined : this.report?.header(format);
  }

  onCall(asked: string | undefined): LoadReport | undefined {
    return this.isAlways || loadFormatOf(asked) !== undefined ? this.report : undefined;
  }
}
