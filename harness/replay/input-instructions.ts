/** Instructions whose results come from outside the model (SDM 2A, 2B). */
const INPUTS: ReadonlySet<string> = new Set([
  ...['cpuid', 'rdtsc', 'rdtscp', 'rdmsr', 'rdpmc', 'rdpid', 'rdrand', 'rdseed', 'in', 'xgetbv'],
  // Values of devices in memory operands: by string.
  ...['insb', 'insw', 'insd'],
]);

/** @param mnemonic as decoded */
export function takesInput(mnemonic: string): boolean {
  return INPUTS.has(mnemonic);
}
