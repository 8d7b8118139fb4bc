/** One failed batch, until it is known why it failed: see isolator.ts. */

