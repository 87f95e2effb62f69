/** Boot information of the older protocol (Multiboot Specification 0.6.96 §3.3). */
import { ByteReader, TruncatedError } from '../bits/byte-reader.ts';
import { BootInformationError } from './boot-information.ts';

/** Fields are there where their bit in `flags` is set; addresses are physical. */
export interface Multiboot1Information {
  readonly flags: number;
  /** KiB from address 0 (bit 0). */
  readonly memLowerKib?: number;
  /** KiB from 1 MiB (bit 0). */
  readonly memUpperKib?: number;
  /** Of a NUL-terminated string (bit 2). */
  readonly commandLineAddress?: number;
  /** Bit 3; so is the address of their array. */
  readonly modulesCount?: number;
  readonly modulesAddress?: number;
  /** Bit 6. */
  readonly mmap?: { readonly address: number; readonly sizeBytes: number };
  /** Of a NUL-terminated string (bit 9). */
  readonly bootLoaderNameAddress?: number;
}

/**
 * @param bytes from the address in EBX on.
 * @throws BootInformationError where a field that `flags` announces is cut off.
 */
export function parseMultiboot1Information(bytes: Uint8Array): Multiboot1Information {
  const reader = new ByteReader(bytes, 'Multiboot information');
  try {
    return readFields(reader);
  } catch (error) {
    if (error instanceof TruncatedError) throw new BootInformationError(error.message, error.offset);
    throw error;
  }
}

function readFields(reader: ByteReader): Multiboot1Information {
  const flags = reader.u32(0);
  const has = (bit: number): boolean => (flags & (1 << bit)) !== 0;
  return {
    flags,
    ...(has(0) && { memLowerKib: reader.u32(4), memUpperKib: reader.u32(8) }),
    ...(has(2) && { commandLineAddress: reader.u32(16) }),
    ...(has(3) && { modulesCount: reader.u32(20), modulesAddress: reader.u32(24) }),
    ...(has(6) && { mmap: { sizeBytes: reader.u32(44), address: reader.u32(48) } }),
    ...(has(9) && { bootLoaderNameAddress: reader.u32(64) }),
  };
}
