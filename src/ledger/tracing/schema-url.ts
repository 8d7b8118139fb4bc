/** The version of OpenTelemetry's semantic conventions that names of resources, spans and metrics follow. */
export const SCHEMA_URL = 'https://opentelemetry.io/schemas/1.45.0';
