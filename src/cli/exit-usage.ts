/** The exit status of a wrong command line: EX_USAGE of sysexits.h. */
export const EXIT_USAGE = 64;
