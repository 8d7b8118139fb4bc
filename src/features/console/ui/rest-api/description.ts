/** The parts of an OpenAPI document that the page shows, and texts of its schemas. Pure. */

/** https://spec.openapis.org/oas/v3.1.0; what the page does not read is left out. */
export interface Description {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

interface OperationObject {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
}

export type Content = Readonly<Record<string, { readonly schema?: Schema }>>;

export interface Parameter {
  readonly in: 'path' | 'header';
  readonly name: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly additionalProperties?: Schema | boolean;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
}

/** Operations of one meaning, which differ in how much of the path is given. */
export interface Call {
  readonly method: 'GET' | 'POST';
  readonly tag: string;
  readonly summary: string;
  /** The shortest first. */
  readonly variants: readonly { readonly path: string; readonly operation: OperationObject }[];
}

export function callsOf({ paths }: Description): readonly Call[] {
  const calls = new Map<string, { call: Call; variants: Call['variants'][number][] }>();
  for (const [path, item] of Object.entries(paths)) {
    for (const [verb, operation] of Object.entries(item)) {
      const method = verb === 'get' ? 'GET' : 'POST';
      const { summary, tags } = operation;
      const tag = tags[0] ?? '';
      const key = `${tag} ${method} ${summary}`;
      const known = calls.get(key);
      if (known !== undefined) known.variants.push({ path, operation });
      else {
        const variants = [{ path, operation }];
        calls.set(key, { call: { method, tag, summary, variants }, variants });
      }
    }
  }
  return [...calls.values()].map(({ call }) => call);
}

/** The path with the values of its names; undefined while one is missing. */
export function filledPath(template: string, values: Readonly<Record<string, string>>): string | undefined {
  const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  if (names.some((name) => (values[name] ?? '') === '')) return undefined;
  return template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name]!));
}

/** The name of a schema that a reference leads to: "PredictRequest". */
export function nameOf({ $ref }: Schema): string | undefined {
  return $ref?.slice($ref.lastIndexOf('/') + 1);
}

const INDENT = '  ';
const DEEPEST = 8;

/** The schema as TypeScript would write it, with descriptions as comments. A schema inside itself is its name. */
export function schemaText(schema: Schema, schemas: Readonly<Record<string, Schema>>): string {
  const text = (each: Schema, indent: string, above: readonly string[]): string => {
    const name = nameOf(each);
    if (name !== undefined) {
      const target = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
      return target === undefined || above.includes(name) || above.length > DEEPEST
        ? name
        : text(target, indent, [...above, name]);
    }
    if (each.enum !== undefined) return each.enum.map((value) => JSON.stringify(value)).join(' | ');
    const choices = each.anyOf ?? (each.properties === undefined ? each.oneOf : undefined);
    if (choices !== undefined) return choices.map((choice) => text(choice, indent, above)).join(' | ');
    if (each.allOf !== undefined) return each.allOf.map((part) => text(part, indent, above)).join(' & ');
    if (each.properties !== undefined || each.type === 'object') return objectText(each, indent, above);
    if (each.type === 'array') return `[${each.items === undefined ? 'any' : text(each.items, indent, above)}, …]`;
    return [each.type ?? 'any'].flat().join(' | ');
  };
  const objectText = (each: Schema, indent: string, above: readonly string[]): string => {
    const inner = indent + INDENT;
    const lines = Object.entries(each.properties ?? {}).map(([key, value]) => {
      const comment = value.description === undefined ? '' : `${inner}// ${value.description}\n`;
      const mark = each.required?.includes(key) === true ? '' : '?';
      return `${comment}${inner}${key}${mark}: ${text(value, inner, above)}`;
    });
    const others = each.additionalProperties;
    if (typeof others === 'object') lines.push(`${inner}[name]: ${text(others, inner, above)}`);
    return lines.length === 0 ? '{ … }' : `{\n${lines.join('\n')}\n${indent}}`;
  };
  return text(schema, '', []);
}
