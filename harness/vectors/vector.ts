/** One instruction with the machine before and after it, as somebody else has it. */

/** Address and byte. */
export type MemoryByte = readonly [address: bigint, byte: number];

export interface Vector {
  readonly name: string;
  /** 16: real mode; 32: protected mode; 64: long mode. No paging. */
  readonly bitness: 16 | 32 | 64;
  readonly bytes: Uint8Array;
  readonly initial: {
    readonly registers: ReadonlyMap<string, bigint>;
    readonly memory: readonly MemoryByte[];
    /** Segments that are not flat. */
    readonly bases: ReadonlyMap<string, bigint>;
  };
  /** What changed. */
  readonly final: {
    readonly registers: ReadonlyMap<string, bigint>;
    readonly memory: readonly MemoryByte[];
    readonly exception?: { readonly vector: number; readonly errorCode?: number };
  };
  /** Mask of RFLAGS: not compared. */
  readonly undefinedFlags: number;
}

/** What of an entry is not as it must be. */
export interface MalformedVector {
  /** From 0. */
  readonly index: number;
  /** Of the entry, where it has one that is text. */
  readonly name: string | undefined;
  /** Within the entry: `initial.ram.3.1`. */
  readonly path: string;
  readonly message: string;
}
