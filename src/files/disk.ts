/**
 * The system calls of whatever writes files, so that a test can record, fail or lose each of them. All writers of the
 * server use it; nothing else in src/ creates a file.
 */
import * as fs from 'node:fs/promises';

export type Disk = Pick<
  typeof fs,
  'open' | 'mkdir' | 'rename' | 'unlink' | 'readdir' | 'lstat' | 'realpath' | 'statfs'
>;

export const systemDisk: Disk = fs;
