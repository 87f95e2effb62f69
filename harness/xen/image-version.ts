/** The version that an image of Xen has in it: what its functions return. Source: xen/common/version.c. */
import type { ImageSymbols } from '../subject/image-symbols.ts';
import type { Disassembler } from '../x86/disassembler.ts';

const CODE_BYTES = 16;

/** @returns e.g. `4.17`; undefined where the image does not tell so. */
export function imageVersion(symbols: ImageSymbols, disassembler: Disassembler): string | undefined {
  const parts = ['xen_major_version', 'xen_minor_version'].map((name) =>
    returned(symbols, disassembler, name),
  );
  return parts.includes(undefined) ? undefined : parts.join('.');
}

/** The constant that a function puts into EAX. */
function returned(symbols: ImageSymbols, disassembler: Disassembler, name: string): number | undefined {
  if (!symbols.has(name)) return undefined;
  const bytes = symbols.bytes(symbols.linear(name), CODE_BYTES);
  if (!bytes) return undefined;
  const load = disassembler
    .decode(bytes, { bitness: 64, address: symbols.linear(name) })
    .find(({ mnemonic }) => mnemonic === 'mov');
  const [to, value] = load?.operands ?? [];
  if (to?.kind !== 'register' || to.register !== 'eax' || value?.kind !== 'immediate') return undefined;
  return Number(value.value);
}
