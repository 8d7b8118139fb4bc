/** How a method's answer looks to HTTP, once it is encoded. */
export interface AnswerForm {
  readonly contentType: string;
  /** Further headers: names and values in turn. */
  readonly headers: readonly string[];
}
