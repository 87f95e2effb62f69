/** Who looks at a boot: all, or fewer, which is what measurements compare with and what a user's machine has. */
import type { SubjectDriver } from '../boot/subject-driver.ts';
import type { InstanceDriver } from './instance-driver.ts';

/**
 * `but-layout`: memory is neither shared nor written to nor looked at. `console`: neither is the guest stopped anywhere, and
 * of what it says only how it ends counts.
 */
export type Witnesses = 'all' | 'but-layout' | 'console';

/** What of a driver these need. */
export function sessionDriver(driver: InstanceDriver, witnesses: Witnesses): SubjectDriver {
  if (witnesses === 'all') return driver;
  const { landmarks, ends } = driver;
  if (witnesses === 'console')
    return { landmarks, ends, stops: () => [], observe: () => Promise.resolve([]) };
  return {
    landmarks,
    ends,
    stops: (report) => driver.stops(report),
    observe: (name, guest, report) => driver.observe(name, guest, report),
  };
}

/** Whether what the subject says of itself is compared with what is so. */
export function areWordsJudged(witnesses: Witnesses): boolean {
  return witnesses !== 'console';
}
