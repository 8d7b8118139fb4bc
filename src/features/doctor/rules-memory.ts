/** Rules about memory, open files and the garbage collector. */

import { showNumber, showShare } from '../../ledger/quantities.ts';
import { showBytes } from '../../models/memory/model-memory.ts';
import type { Rule } from './rule.ts';

/** Share of the limit. During a swap of versions, both versions' weights are in memory. */
const TIGHT_SHARE = 0.1;
/** Each connection needs one, and so does each of the models' files. */
const FEW_FILES = 4096;
const GC_SHARE = 0.1;

export const memoryTight: Rule = ({ freeMemory }) => {
  if (freeMemory === undefined) return [];
  const { freeBytes, limitBytes, isCgroup } = freeMemory;
  const share = freeBytes / limitBytes;
  if (share >= TIGHT_SHARE) return [];
  return {
    id: 'memory_tight',
    what: `${showBytes(freeBytes)} are left of ${isCgroup ? 'the memory limit' : 'the machine’s memory'} of ${showBytes(limitBytes)} (${showShare(share)})`,
    why: 'a larger batch or a new version may take more, and the kernel then ends the process',
    change:
      'raise the memory limit, or lower --max_batch_size or --num_batch_threads (each slot holds the weights once)',
  };
};

export const oomKilled: Rule = ({ health: { oomKills } }) => {
  if (oomKills === 0) return [];
  return {
    id: 'oom_killed',
    what: `the kernel has ended ${oomKills} ${oomKills === 1 ? 'process' : 'processes'} of this group because its memory was used up`,
    why: 'the limit is below what weights, sessions and the largest batch take together',
    change: 'raise the memory limit; `pillion status` shows what each version takes',
  };
};

export const swapped: Rule = ({ health: { swappedBytes } }) => {
  if (swappedBytes === undefined || swappedBytes === 0) return [];
  return {
    id: 'swapped',
    what: `${showBytes(swappedBytes)} of the process are swapped out`,
    why: 'a run that needs them waits for the disk',
    change: 'turn swap off for it (memory.swap.max=0), or give the machine more memory',
  };
};

export const hugePagesAlways: Rule = ({ health: { hugePages } }) => {
  if (hugePages !== 'always') return [];
  return {
    id: 'huge_pages_always',
    what: 'transparent huge pages are on for everything (always)',
    why: 'the process may hold memory that it does not use, and the kernel moves pages together while requests wait',
    change: 'echo madvise > /sys/kernel/mm/transparent_hugepage/enabled on the machine',
  };
};

export const fewOpenFiles: Rule = ({ health: { openFilesLimit } }) => {
  if (openFilesLimit === undefined || openFilesLimit >= FEW_FILES) return [];
  return {
    id: 'few_open_files',
    what: `the process may have ${openFilesLimit} files and connections open`,
    why: 'each connection is one; past that new clients are not accepted',
    change: `raise the limit (ulimit -n, LimitNOFILE) to ${FEW_FILES} or more`,
  };
};

export const collectorBusy: Rule = ({ server }) => {
  const traffic = server?.traffic;
  if (traffic === undefined || traffic.seconds <= 0) return [];
  const share = traffic.gcSeconds / traffic.seconds;
  if (share <= GC_SHARE) return [];
  return {
    id: 'collector_busy',
    what: `the garbage collector stops the event loop for ${showShare(share)} of the time (${showNumber(traffic.gcSeconds)} s)`,
    why: 'requests make more objects than V8’s young generation holds: large JSON bodies most often',
    change: 'send tensors over gRPC or as protobuf',
  };
};
