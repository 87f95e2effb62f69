/** Somebody who wants to be told of accesses before they happen. The usual access costs nothing more by it. */

import type { WatchedAccess } from '../execute/stop.ts';
import type { PhysicalPage } from './physical-memory.ts';

/** Asks whoever watches a page, before its bytes are accessed. @throws ModelStop */
export type Tell = (
  access: WatchedAccess,
  page: PhysicalPage,
  offset: number,
  sizeBytes: number,
  low: number,
  high: number,
) => void;

export interface Watcher {
  /**
   * Told before bytes of a page that is watched for this access are accessed.
   * @param low, high the linear address; of a walk, of what is translated
   * @throws ModelStop to stop before the instruction, which can be executed again
   */
  accessed(access: WatchedAccess, physical: number, sizeBytes: number, low: number, high: number): void;
  /** Told of a linear address that is translated anew: the first access to its page, the first after a flush. @throws ModelStop */
  translated(low: number, high: number, access: Exclude<WatchedAccess, 'walk'>): void;
}
