/**
 * What must hold of models wherever they are configured: command line, model_config_file, pillion.yaml, or a reload.
 */

/** A model as far as it is checked here, and how to say where its name stands. */
export interface NamedModel {
  readonly name: string;
  readonly where: string;
}

/** Names are unique and fit into a path. */
export function checkNames(models: Iterable<NamedModel>, errors: string[]): void {
  const seen = new Set<string>();
  for (const { name, where } of models) {
    const prefix = where === '' ? '' : `${where}: `;
    if (seen.has(name)) errors.push(`${prefix}model "${name}" is given twice; names must differ`);
    if (!/^[^/:\s]+$/.test(name)) {
      errors.push(`${prefix}model name "${name}" may not be empty nor hold "/", ":" or white space`);
    }
    seen.add(name);
  }
}
