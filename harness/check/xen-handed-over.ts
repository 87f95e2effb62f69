/**
 * The one argument of `__start_xen`: boot information in the older protocol's form, below 640 KiB, which reloc.c made of what
 * the loader gave. Xen reads it before it has a console.
 */
import { hex } from '../bits/hex.ts';
import { BootInformationError, findTag, parseBootInformation } from '../multiboot2/boot-information.ts';
import { parseMultiboot1Information } from '../multiboot2/multiboot1-information.ts';
import { readField } from '../x86/state/state-layout.ts';
import type { EndObservation } from './contract.ts';
import { copyOf, word32At, type EndState } from './end-state.ts';

const LOW_MEMORY = 0xa_0000;
/** Of a Multiboot structure (0.6.96 §3.3). */
const STRUCTURE_BYTES = 116;
/** GRUB's has 1 KiB with UEFI's memory map. */
const MOST_GIVEN_BYTES = 0x1_0000;

type State = Pick<EndState, 'words' | 'memory'>;
type Text = readonly [what: string, text: string | undefined];

/** @param initial the state at the entry, where RBX is the address of what the loader gave */
export function handedOver(state: State, initial: Int32Array): EndObservation {
  const pointer = readField(state.words, 'rdi');
  const wrong = wrongWith(state, pointer, Number(readField(initial, 'rbx') & 0xffff_ffffn));
  return {
    ok: wrong === undefined,
    isVital: true,
    text:
      wrong ?? `__start_xen gets the boot information at ${hex(pointer)}, its texts as the loader gave them`,
  };
}

function wrongWith({ memory }: State, pointer: bigint, given: number): string | undefined {
  if (pointer === 0n || pointer >= BigInt(LOW_MEMORY))
    return `__start_xen is told to find the boot information at ${hex(pointer)}, not below 640 KiB`;
  const structure = copyOf(memory, Number(pointer), new Uint8Array(STRUCTURE_BYTES));
  const { commandLineAddress, bootLoaderNameAddress } = parseMultiboot1Information(structure);
  const texts = givenTexts(memory, given);
  if (typeof texts === 'string') return texts;
  const addresses = [commandLineAddress, bootLoaderNameAddress];
  const lost = texts.find(([, text], index) => !isText(memory, addresses[index], text));
  return lost && `the boot information for __start_xen has another ${lost[0]} than “${lost[1] ?? ''}”`;
}

/** @returns in words, what has become of them */
function givenTexts(memory: EndState['memory'], address: number): readonly Text[] | string {
  const sizeBytes = Math.min(word32At(memory, address), MOST_GIVEN_BYTES);
  try {
    const given = parseBootInformation(copyOf(memory, address, new Uint8Array(sizeBytes)));
    return [
      ['command line', findTag(given, 'commandLine')?.commandLine],
      ['boot loader name', findTag(given, 'bootLoaderName')?.name],
    ];
  } catch (error) {
    if (!(error instanceof BootInformationError)) throw error;
    return `what the loader gave at ${hex(address)} is not what it was: ${error.message}`;
  }
}

/** Where there was none, what there is now does not matter. */
function isText(memory: EndState['memory'], address: number | undefined, text: string | undefined): boolean {
  if (text === undefined) return true;
  if (address === undefined || address >= LOW_MEMORY) return false;
  const wanted = Buffer.from(`${text}\0`);
  return wanted.equals(copyOf(memory, address, new Uint8Array(wanted.length)));
}
