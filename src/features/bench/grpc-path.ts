/** The path of grpc://HOST:PORT/MODEL and grpc://HOST:PORT/MODEL/versions/N, by which a model is named. */
export const GRPC_PATH = /^\/(?<model>[^/]+)(?:\/versions\/(?<version>\d+))?\/?$/;
