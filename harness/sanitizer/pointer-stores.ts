/** Stores and comparisons of values in the link-time range: whether each was an address of the image or a number that looks like one. */
import type { Finding } from './finding.ts';
import type { MemoryRange, Territory } from './territory.ts';

export type Origin = 'address' | 'data';

export interface PointerStore {
  /** The storing instruction's linear address. */
  readonly linear: bigint;
  readonly value: number;
  readonly sizeBytes: number;
  /** An address where it was one at least once. */
  readonly origin: Origin;
  readonly times: number;
}

/** Whether a finding is about a value that may be data. */
export function isOfValues({ rule }: Finding): boolean {
  return rule === 'link-time-pointer' || rule === 'link-time-comparison';
}

export class PointerStores {
  readonly #stores = new Map<string, PointerStore>();

  get all(): readonly PointerStore[] {
    return [...this.#stores.values()];
  }

  add(linear: bigint, value: number, sizeBytes: number, origin: Origin): void {
    const key = `${linear} ${value}`;
    const known = this.#stores.get(key);
    this.#stores.set(key, {
      ...{ linear, value, sizeBytes },
      origin: known?.origin === 'address' ? 'address' : origin,
      times: (known?.times ?? 0) + 1,
    });
  }

  /** The values that an instruction stored. @param origin only those */
  by(linear: bigint, origin: Origin): readonly PointerStore[] {
    return this.all.filter((store) => store.linear === linear && store.origin === origin);
  }

  /**
   * Findings of the first run without those of stores that only ever stored data; where an instruction stored an address
   * later than data, the address is what is shown.
   */
  withoutData(findings: readonly Finding[], { linkTime, loaded }: Territory): Finding[] {
    return findings.flatMap((finding) => {
      if (!isOfValues(finding)) return [finding];
      const addresses = this.by(finding.instruction.linear, 'address');
      const [first] = addresses;
      // Of what the second run did not meet nothing is known: then the finding stays.
      if (!first) return this.by(finding.instruction.linear, 'data').length > 0 ? [] : [finding];
      const touched = BigInt(first.value);
      return [
        {
          ...finding,
          ...{
            touched,
            sizeBytes: first.sizeBytes,
            expected: touched + BigInt(loaded.start - linkTime.start),
          },
          times: addresses.reduce((sum, { times }) => sum + times, 0),
        },
      ];
    });
  }
}

/**
 * Whether stores were addresses, kept over runs at several load bases: an instruction is known by where it was linked, or by
 * where it stands outside of the image, which a load base does not change.
 */
export class KnownOrigins {
  readonly #origins = new Map<string, Origin>();

  learn(stores: PointerStores, territory: Territory): void {
    for (const { linear, value, origin } of stores.all) {
      const key = keyOf(linear, value, territory);
      if (this.#origins.get(key) !== 'address') this.#origins.set(key, origin);
    }
  }

  /** @returns undefined: no run has seen it. */
  of(linear: bigint, value: number, territory: Territory): Origin | undefined {
    return this.#origins.get(keyOf(linear, value, territory));
  }
}

function keyOf(linear: bigint, value: number, { linkTime, loaded }: Territory): string {
  const isInImage = isWithin(loaded, linear);
  return `${isInImage ? linear - BigInt(loaded.start - linkTime.start) : linear} ${value}`;
}

function isWithin({ start, end }: MemoryRange, linear: bigint): boolean {
  return linear >= BigInt(start) && linear < BigInt(end);
}
