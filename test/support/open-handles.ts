/** Lists the files and sockets that a process and its descendants hold open, as Linux tells it. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { processTree } from '../../bench/support/process-tree.ts';

export interface OpenFile {
  readonly path: string;
  readonly isWritable: boolean;
}

export interface OpenSocket {
  /** `other` is one of none of the tables below. */
  readonly protocol: (typeof PROTOCOLS)[number] | 'unix' | 'other';
  /**
   * "127.0.0.1:80" for a socket of the internet, as the kernel spells it if it is IPv6; for a Unix socket its path, or
   * ''.
   */
  readonly local: string;
  /** The same; '' of a Unix socket. */
  readonly remote: string;
}

export interface OpenHandles {
  readonly files: readonly OpenFile[];
  readonly sockets: readonly OpenSocket[];
}

const PROTOCOLS = ['tcp', 'tcp6', 'udp', 'udp6'] as const;
const WRITABLE = 0o3;

/** The handles of `root` and all its descendants. Those opened or closed meanwhile may be missing. */
export function openHandles(root: number): OpenHandles {
  const files: OpenFile[] = [];
  const sockets: OpenSocket[] = [];
  for (const pid of processTree(root)) {
    const before = linksOf(pid);
    const tables = socketTables(pid);
    // Descriptors that are in both were open while the tables were read.
    const after = linksOf(pid);
    for (const [fd, target] of before) {
      if (after.get(fd) !== target) continue;
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode !== undefined) sockets.push(tables.get(inode) ?? { protocol: 'other', local: '', remote: '' });
      else if (target.startsWith('/')) files.push({ path: target, isWritable: isWritable(pid, fd) });
    }
  }
  return { files, sockets };
}

/** The target of each file descriptor. */
function linksOf(pid: number): ReadonlyMap<string, string> {
  const links = new Map<string, string>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const target = unlessGone(() => readlinkSync(`/proc/${pid}/fd/${fd}`));
    if (target !== undefined) links.set(fd, target);
  }
  return links;
}

function isWritable(pid: number, fd: string): boolean {
  const info = unlessGone(() => readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')) ?? '';
  return (Number.parseInt(/^flags:\s*(\d+)/m.exec(info)?.[1] ?? '0', 8) & WRITABLE) !== 0;
}

/** All sockets of the process's network namespace, by inode. */
function socketTables(pid: number): ReadonlyMap<string, OpenSocket> {
  const sockets = new Map<string, OpenSocket>();
  const rows = (name: string): string[][] => {
    const table = unlessGone(() => readFileSync(`/proc/${pid}/net/${name}`, 'utf8')) ?? '';
    return table
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/));
  };
  for (const protocol of PROTOCOLS) {
    for (const [, local, remote, , , , , , , inode] of rows(protocol)) {
      if (inode !== undefined) sockets.set(inode, { protocol, local: address(local!), remote: address(remote!) });
    }
  }
  for (const [, , , , , , inode, path = ''] of rows('unix')) {
    if (inode !== undefined) sockets.set(inode, { protocol: 'unix', local: path, remote: '' });
  }
  return sockets;
}

/** "0100007F:1F90" → "127.0.0.1:8080", as a little-endian machine has it. */
function address(hex: string): string {
  const [host, port] = hex.split(':') as [string, string];
  const name =
    host.length === 8
      ? host
          .match(/../g)!
          .reverse()
          .map((byte) => Number.parseInt(byte, 16))
          .join('.')
      : host;
  return `${name}:${Number.parseInt(port, 16)}`;
}

/** Files of /proc go with their process, or with the file descriptor. */
function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
