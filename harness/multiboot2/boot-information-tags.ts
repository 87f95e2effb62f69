/** Boot information tags: what a loader tells the image (Multiboot2 Specification 2.0 §3.6). */

/** Type 6; `type`: 1 RAM, 3 ACPI reclaimable, 4 preserved on hibernation, 5 defective, else reserved. */
export interface MemoryMapEntry {
  readonly base: bigint;
  readonly length: bigint;
  readonly type: number;
}

/** EFI_MEMORY_DESCRIPTOR (UEFI Specification 2.6 §6.2); pages are of 4 KiB. */
export interface EfiMemoryDescriptor {
  readonly type: number;
  readonly physicalStart: bigint;
  readonly virtualStart: bigint;
  readonly pages: bigint;
  readonly attribute: bigint;
}

export interface ColourField {
  readonly position: number;
  readonly size: number;
}

export type FramebufferColours =
  | { readonly kind: 'indexed'; readonly palette: readonly (readonly [number, number, number])[] }
  | {
      readonly kind: 'rgb';
      readonly red: ColourField;
      readonly green: ColourField;
      readonly blue: ColourField;
    }
  | { readonly kind: 'egaText' }
  | { readonly kind: 'unknown'; readonly typeNumber: number };

export type BootInformationFields =
  | { readonly type: 'end' }
  | { readonly type: 'commandLine'; readonly commandLine: string }
  | { readonly type: 'bootLoaderName'; readonly name: string }
  | {
      readonly type: 'module';
      /** Physical addresses; `end` is the first byte after it. */
      readonly start: number;
      readonly end: number;
      readonly commandLine: string;
    }
  | { readonly type: 'basicMemory'; readonly lowerKib: number; readonly upperKib: number }
  | {
      readonly type: 'bootDevice';
      readonly biosDevice: number;
      readonly partition: number;
      readonly subPartition: number;
    }
  | {
      readonly type: 'memoryMap';
      readonly entrySize: number;
      readonly entryVersion: number;
      readonly entries: readonly MemoryMapEntry[];
    }
  | {
      readonly type: 'vbe';
      readonly mode: number;
      readonly interfaceSegment: number;
      readonly interfaceOffset: number;
      readonly interfaceLength: number;
      readonly controlInfo: Uint8Array;
      readonly modeInfo: Uint8Array;
    }
  | {
      readonly type: 'framebuffer';
      readonly address: bigint;
      /** Bytes a line. */
      readonly pitch: number;
      /** Pixels, or characters with EGA text; likewise `height`. */
      readonly width: number;
      readonly height: number;
      readonly bitsPerPixel: number;
      readonly colours: FramebufferColours;
    }
  | {
      readonly type: 'elfSections';
      readonly count: number;
      readonly entrySize: number;
      readonly namesIndex: number;
      readonly headers: Uint8Array;
    }
  | {
      readonly type: 'apm';
      readonly version: number;
      readonly codeSegment: number;
      readonly offset32: number;
      readonly codeSegment16: number;
      readonly dataSegment: number;
      readonly flags: number;
      readonly codeSegmentLength: number;
      readonly codeSegment16Length: number;
      readonly dataSegmentLength: number;
    }
  | { readonly type: 'efi32SystemTable'; readonly pointer: number }
  | { readonly type: 'efi64SystemTable'; readonly pointer: bigint }
  | { readonly type: 'smbios'; readonly major: number; readonly minor: number; readonly tables: Uint8Array }
  | { readonly type: 'acpiOld'; readonly rsdp: Uint8Array }
  | { readonly type: 'acpiNew'; readonly rsdp: Uint8Array }
  | { readonly type: 'network'; readonly dhcpAck: Uint8Array }
  | {
      readonly type: 'efiMemoryMap';
      readonly descriptorSize: number;
      readonly descriptorVersion: number;
      readonly descriptors: readonly EfiMemoryDescriptor[];
    }
  | { readonly type: 'efiBootServicesNotTerminated' }
  | { readonly type: 'efi32ImageHandle'; readonly pointer: number }
  | { readonly type: 'efi64ImageHandle'; readonly pointer: bigint }
  | {
      readonly type: 'loadBaseAddress';
      /** Physical: where the image's first byte landed. */
      readonly address: number;
    }
  | { readonly type: 'unknown'; readonly typeNumber: number; readonly payload: Uint8Array };

export interface BootInformationTagPlace {
  /** Bytes from the start of the boot information. */
  readonly at: number;
  /** Bytes, padding left out. */
  readonly size: number;
}

export type BootInformationTag = BootInformationTagPlace & BootInformationFields;
export type BootInformationTagType = BootInformationTag['type'];
