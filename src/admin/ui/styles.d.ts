/** The bundler takes them for styles; they export nothing. */
declare module '*.css';
