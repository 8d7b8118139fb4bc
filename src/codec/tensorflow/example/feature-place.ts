/** Where in a request a feature stands, for error texts: made into text only where there is one. */
const MAX_NAME_LENGTH = 120;

export class FeaturePlace {
  example = 0;
  feature = '';
  readonly #signatureName: string;

  constructor(signatureName: string) {
    this.#signatureName = signatureName;
  }

  toString(): string {
    const { feature } = this;
    const shown = feature.length > MAX_NAME_LENGTH ? `${feature.slice(0, MAX_NAME_LENGTH)}…` : feature;
    return `signature ${JSON.stringify(this.#signatureName)}: feature ${JSON.stringify(shown)} of example ${this.example}`;
  }
}
