/** Why an admin endpoint does not answer: a status and one line of text. */
export interface Refusal {
  readonly status: number;
  readonly text: string;
}
