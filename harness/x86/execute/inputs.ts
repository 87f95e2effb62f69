/** What a CPU is told from outside: everything that the model cannot compute. */
export interface Inputs {
  /** Fills EAX, EBX, ECX, EDX into `into`. */
  cpuid(leaf: number, subleaf: number, into: Int32Array): void;
  /** Low and high word into `into`. */
  timestamp(into: Int32Array): void;
  /** Low and high word into `into`. @param index the register, as in ECX. */
  readModelSpecific(index: number, into: Int32Array): void;
  writeModelSpecific(index: number, low: number, high: number): void;
  readPort(port: number, sizeBytes: number): number;
  writePort(port: number, sizeBytes: number, value: number): void;
}

/** An outside that says nothing but zeros and takes everything. */
export const SILENT: Inputs = {
  cpuid: (_leaf, _subleaf, into) => void into.fill(0),
  timestamp: (into) => void into.fill(0),
  readModelSpecific: (_index, into) => void into.fill(0),
  writeModelSpecific: () => undefined,
  readPort: () => 0,
  writePort: () => undefined,
};
