/** Page tables as the CPU itself reads and marks them: past all caches. */
import { requireKnown } from './known-bytes.ts';
import type { TableMemory } from './paging.ts';
import { isPlain, PAGE_BYTES, type PhysicalPage, written } from './physical-memory.ts';
import type { Tell } from './watcher.ts';

export interface Tables {
  /** @param address physical, before A20 */
  pageAt(address: number): PhysicalPage;
  tell: Tell;
}

export function tableMemory(tables: Tables): TableMemory {
  return {
    read32: (address) => {
      const page = tables.pageAt(address);
      const offset = address % PAGE_BYTES;
      page.isTable = true;
      if (page.watch !== 0) tables.tell('walk', page, offset, 4, 0, 0);
      requireKnown(page, offset, 4);
      return page.view.getInt32(offset, true);
    },
    write32: (address, value) => {
      const page = tables.pageAt(address);
      page.view.setInt32(address % PAGE_BYTES, value, true);
      page.isTouched = true;
      if (!isPlain(page)) written(page, address % PAGE_BYTES, 4);
    },
  };
}
