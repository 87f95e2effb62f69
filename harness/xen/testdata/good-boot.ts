/** A correct boot of small-xen.s, frozen at any checkpoint: what the checks must find nothing wrong with. */
import type { Disassembler } from '../../x86/disassembler.ts';
import { information, words, type BuiltTag } from '../../multiboot2/testdata/image-builder.ts';
import { planCheckpoints, type CheckpointAddress, type CheckpointName } from '../checkpoint-addresses.ts';
import type { EntryKind } from '../../subject/entry-kind.ts';
import type { LoadedSubject } from '../../subject/loaded-subject.ts';
import type { Interval } from '../../layout/interval.ts';
import { MemoryGuest } from '../../guest/testdata/memory-guest.ts';
import { LINK_BASE, type SmallXen } from './small-xen.ts';

export const LOAD_BASE = 0x3e00000;
export const LOADER_NAME = 'GRUB 2.06-loadbase.1a2b3c4d';
export const ARGUMENTS = 'console=com1 loglvl=all';

/** Places of a real boot: the loader's information, reloc()'s copy of it, and the trampoline, all below 1 MiB. */
export const INFORMATION = 0x10000;
export const RELOCATED = 0x9e000;
export const TRAMPOLINE = 0x8c000;
export const MODULE_LIST = 0x9d000;

const LONG_MODE: readonly CheckpointName[] = ['long mode', '__start_xen', 'memory reserved'];

const text = (value: string): Uint8Array => Buffer.from(`${value}\0`, 'latin1');

export interface BootRecipe {
  readonly entry?: EntryKind;
  readonly protocol?: 'multiboot2' | 'multiboot1';
  /** Default: the standard, relocating loader. */
  readonly relocatingLoader?: boolean;
  /** Default: the truth. */
  readonly toldBase?: NonNullable<LoadedSubject['toldBase']>;
  readonly loadBase?: number;
  /** Where the trampoline's copy is. */
  readonly trampoline?: number;
  /** A boot with modules, which comes as far as reserving their memory. */
  readonly modules?: readonly Uint8Array[];
}

export class GoodBoot {
  readonly guest = new MemoryGuest();
  readonly subject: LoadedSubject;
  readonly xen: SmallXen;
  readonly addresses: readonly CheckpointAddress[];
  readonly trampoline: number;

  constructor(xen: SmallXen, disassembler: Disassembler, recipe: BootRecipe = {}) {
    const { entry = 'multiboot32', protocol = 'multiboot2', loadBase = LOAD_BASE } = recipe;
    this.xen = xen;
    this.trampoline = recipe.trampoline ?? TRAMPOLINE;
    this.subject = {
      called: 'Xen',
      firmware: entry === 'efi64' ? 'efi' : 'bios',
      ...{ image: xen.image, symbols: xen.symbols, entry, protocol, loadBase },
      physicalStart: loadBase - LINK_BASE,
      relocatingLoader: recipe.relocatingLoader ?? protocol === 'multiboot2',
      ...(recipe.toldBase === undefined ? {} : { toldBase: recipe.toldBase }),
      loaderName: LOADER_NAME,
      arguments: ARGUMENTS,
      moduleCount: recipe.modules?.length ?? 0,
      ...(recipe.modules ? { modules: recipe.modules } : {}),
    };
    const reserves = this.subject.moduleCount > 0;
    this.addresses = planCheckpoints(xen.image, xen.symbols, entry, disassembler, { reserves }).addresses;
    this.#layImage();
    this.#layTrampoline();
    this.layInformation(this.tags());
    this.#layMultiboot1(protocol === 'multiboot1' ? INFORMATION : RELOCATED);
  }

  address(name: CheckpointName): CheckpointAddress {
    const found = this.addresses.find((address) => address.name === name);
    if (!found) throw new Error(`no checkpoint ${name}`);
    return found;
  }

  /** Physical address of a symbol in the loaded image. */
  at(symbol: string): number {
    return this.xen.symbols.linkTime(symbol) + this.subject.physicalStart;
  }

  /** Boot information tags of a correct loader. */
  tags(): BuiltTag[] {
    const { entry, loadBase, relocatingLoader } = this.subject;
    return [
      { type: 1, payload: text(ARGUMENTS) },
      { type: 2, payload: text(LOADER_NAME) },
      ...(relocatingLoader ? [{ type: 21, payload: [loadBase] }] : []),
      ...(entry === 'efi64' ? [{ type: 18 }] : [{ type: 6, payload: [24, 0] }]),
    ];
  }

  layInformation(tags: readonly BuiltTag[]): void {
    if (this.subject.protocol === 'multiboot2') this.guest.write(INFORMATION, information(tags));
  }

  /** Xen's own list of modules: frame, size and two more words each; its pointer is one of the directmap. */
  layReserved(modules: readonly Interval[], crash: Interval = { start: 0, end: 0 }): void {
    const { guest } = this;
    guest.writeU64(this.at('xen_phys_start'), BigInt(this.subject.physicalStart));
    guest.writeU32(this.at('nr_initial_images'), modules.length);
    guest.writeU64(this.at('initial_images'), 0xffff_8300_0000_0000n + BigInt(MODULE_LIST));
    modules.forEach(({ start, end }, n) =>
      guest.write(MODULE_LIST + 16 * n, words(start / 4096, end - start, 0, 1)),
    );
    guest.writeU64(this.at('kexec_crash_area'), BigInt(crash.end - crash.start));
    guest.writeU64(this.at('kexec_crash_area') + 8, BigInt(crash.start));
  }

  /** Registers as a correct boot has them at a checkpoint. */
  stopAt(name: CheckpointName): MemoryGuest {
    const { set } = this.guest;
    const { physicalStart, protocol, entry } = this.subject;
    set.cr0 = 0x11n;
    set.rbx = BigInt(INFORMATION);
    set.rsi = BigInt(physicalStart);
    this.guest.gdtr = { base: BigInt(this.at('trampoline_gdt')), limit: 0x3f };
    if (name === 'entry') set.rax = protocol === 'multiboot1' ? 0x2badb002n : 0x36d76289n;
    if (name === 'boot information relocated') set.rax = BigInt(RELOCATED);
    if (name === 'trampoline copied') set.rsp = BigInt(this.trampoline + 0x10000 - 8);
    if (entry === 'efi64' || LONG_MODE.includes(name)) {
      set.cr0 = 0x80000011n;
      set.cr4 = 0x20n;
      set.efer = 0xd00n;
    }
    if (LONG_MODE.includes(name)) set.cr3 = BigInt(this.at('idle_pg_table'));
    if (name === '__start_xen') this.guest.gdtr = { base: this.xen.symbols.linear('boot_gdt'), limit: 0x3f };
    return this.guest;
  }

  #layImage(): void {
    const { guest, subject, xen } = this;
    for (const { offset, filesz, paddr } of subject.image.loaded.segments)
      guest.write(
        Number(paddr) + subject.physicalStart,
        subject.image.bytes.subarray(offset, offset + filesz),
      );
    guest.writeU32(this.at('xen_phys_start'), subject.physicalStart);
    guest.writeU32(this.at('gdt_boot_base'), this.at('trampoline_gdt'));
    const end = xen.symbols.linkTime('__page_tables_end') + subject.physicalStart;
    for (let entry = this.at('__page_tables_start'); entry < end; entry += 8) {
      const built = guest.readU64(entry);
      if (built & 1n) guest.writeU64(entry, built + BigInt(subject.physicalStart));
    }
  }

  /** Relocated in the image, then copied, as trampoline_setup does. */
  #layTrampoline(): void {
    const { guest, trampoline } = this;
    for (const place of ['first_place', 'second_place'])
      guest.writeU32(this.at(place), guest.readU32(this.at(place)) + this.trampoline);
    guest.write(this.at('segment_place'), Uint8Array.of((trampoline >> 4) & 0xff, trampoline >> 12));
    guest.writeU32(this.at('trampoline_phys'), this.trampoline);
    const size = this.at('trampoline_end') - this.at('trampoline_start');
    guest.write(this.trampoline, guest.read(this.at('trampoline_start'), size));
  }

  /** Multiboot 0.6.96 §3.3: flags (command line, modules, loader name) and the three fields they announce. */
  #layMultiboot1(at: number): void {
    const [commandLine, name] = [at + 0x100, at + 0x200];
    this.guest.write(at, words((1 << 2) | (1 << 3) | (1 << 9)));
    this.guest.write(at + 16, words(commandLine, 0, 0));
    this.guest.writeU32(at + 64, name);
    this.guest.write(commandLine, text(ARGUMENTS));
    this.guest.write(name, text(LOADER_NAME));
  }
}
