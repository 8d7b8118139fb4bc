/** The bundler handles styles; they export nothing. */
declare module '*.css';
