/** Boot information seen through any bytes: what can be walked is walked, and nothing is thrown. */
import { alignUp } from '../bits/align.ts';
import { ByteReader, TruncatedError } from '../bits/byte-reader.ts';
import { type AddressRange, addressRange } from './address-range.ts';
import { BOOT_INFORMATION_LAYOUTS, TagContentError } from './boot-information-layouts.ts';
import type { BootInformationFields } from './boot-information-tags.ts';
import { END_TAG, TAG_ALIGNMENT, TAG_HEADER_SIZE } from './header-tags.ts';

/** What the harness knows of the boot besides the bytes. */
export interface InformationContext {
  /** Physical: where the boot information lies (EBX). */
  readonly address: number;
  readonly firmware: 'bios' | 'efi';
  readonly entry: 'multiboot32' | 'efi64';
  /** Load base address by another witness than tag 21. */
  readonly loadBase: number;
  /**
   * What a loader that is known not to tell the truth in tag 21 must say there instead, or the type that it gives that
   * tag, which the specification has not; absent: it tells loadBase.
   */
  readonly toldBase?: number | ForeignType;
  /** Physical; `end` is the first byte after the image, its BSS included. */
  readonly imageRange: { readonly start: number; readonly end: number };
  /** The image has a relocatable header tag (type 10). */
  readonly relocatable: boolean;
  /** EFI with the image's boot services tag (type 7). */
  readonly keptBootServices: boolean;
  /** Types in the image's required information request header tags. */
  readonly requested: readonly number[];
  /** Modules that the loader was told to load. */
  readonly modules: number;
  /** The image has a module alignment header tag (type 6). */
  readonly alignedModules?: boolean;
  /** The first byte after the machine's highest RAM. */
  readonly memoryTop?: number;
}

/** A tag's type that the specification does not know. */
export interface ForeignType {
  readonly asType: number;
}

export interface ViewedTag {
  readonly index: number;
  /** Bytes from the start of the boot information. */
  readonly at: number;
  readonly type: number;
  readonly size: number;
  /** The whole tag, type and size included. */
  readonly reader: ByteReader;
  /** Undefined where type, size and contents do not go together. */
  readonly fields: BootInformationFields | undefined;
}

/** Why the walk through the tags ended. */
export type WalkEnd =
  | { readonly kind: 'end-tag' }
  | { readonly kind: 'no-end-tag' }
  | { readonly kind: 'impossible-size'; readonly at: number; readonly type: number; readonly size: number };

export interface InformationView {
  readonly given: InformationContext;
  /** Bytes that were read; the information may be shorter. */
  readonly readSize: number;
  /** Undefined where not even the fixed part was read. */
  readonly fixed: { readonly totalSize: number; readonly reserved: number } | undefined;
  /** In order, the end tag included. */
  readonly tags: readonly ViewedTag[];
  readonly walk: WalkEnd;
  /** Offset after the last tag, its padding included. */
  readonly end: number;
}

export const FIXED_PART_SIZE = 8;

export function viewInformation(bytes: Uint8Array, given: InformationContext): InformationView {
  const reader = new ByteReader(bytes, 'boot information');
  const readSize = bytes.length;
  if (readSize < FIXED_PART_SIZE)
    return { given, readSize, fixed: undefined, tags: [], walk: { kind: 'no-end-tag' }, end: 0 };
  const fixed = { totalSize: reader.u32(0), reserved: reader.u32(4) };
  return { given, readSize, fixed, ...walkTags(reader, Math.min(fixed.totalSize, readSize)) };
}

/** Each turn moves on by at least 8 bytes, so `limit` bounds the work. */
function walkTags(reader: ByteReader, limit: number): Pick<InformationView, 'tags' | 'walk' | 'end'> {
  const tags: ViewedTag[] = [];
  let at = FIXED_PART_SIZE;
  while (at + TAG_HEADER_SIZE <= limit) {
    const [type, size] = [reader.u32(at), reader.u32(at + 4)];
    if (size < TAG_HEADER_SIZE || at + size > limit)
      return { tags, walk: { kind: 'impossible-size', at, type, size }, end: at };
    tags.push(viewedTag(reader, tags.length, at, type, size));
    at += alignUp(size, TAG_ALIGNMENT);
    if (type === END_TAG) return { tags, walk: { kind: 'end-tag' }, end: at };
  }
  return { tags, walk: { kind: 'no-end-tag' }, end: at };
}

function viewedTag(reader: ByteReader, index: number, at: number, type: number, size: number): ViewedTag {
  const tag = new ByteReader(reader.slice(at, size), `tag of type ${type}`);
  return { index, at, type, size, reader: tag, fields: fieldsOf(type, tag) };
}

function fieldsOf(type: number, tag: ByteReader): BootInformationFields | undefined {
  const layout = BOOT_INFORMATION_LAYOUTS[type];
  if (!layout || tag.length < layout.minimumSize) return undefined;
  try {
    return layout.parse(tag);
  } catch (error) {
    if (error instanceof TagContentError || error instanceof TruncatedError) return undefined;
    throw error;
  }
}

/** Tags of a type, whole or not. */
export function tagsOf(view: InformationView, type: number): readonly ViewedTag[] {
  return view.tags.filter((tag) => tag.type === type);
}

export function has(view: InformationView, type: number): boolean {
  return view.tags.some((tag) => tag.type === type);
}

/** Every tag of this kind whose contents could be read. */
export function fieldsOfKind<T extends BootInformationFields['type']>(
  view: InformationView,
  kind: T,
): readonly Extract<BootInformationFields, { type: T }>[] {
  return view.tags
    .map((tag) => tag.fields)
    .filter((fields): fields is Extract<BootInformationFields, { type: T }> => fields?.type === kind);
}

/** Whether every tag was seen, so that the absence of one can be told. */
export function isWhole(view: InformationView): boolean {
  return view.walk.kind === 'end-tag';
}

export function informationRange({ given, fixed }: InformationView): AddressRange {
  return addressRange('the boot information', given.address, given.address + (fixed?.totalSize ?? 0));
}

export function imageRange({ given }: InformationView): AddressRange {
  return addressRange('the image', given.imageRange.start, given.imageRange.end);
}

export function moduleRanges(view: InformationView): readonly AddressRange[] {
  return fieldsOfKind(view, 'module').map(({ start, end }, index) =>
    addressRange(`module ${index}`, start, end),
  );
}

/** e.g. `tag 3 of type 6 at offset 0x48`. */
export function tagText({ index, type, at }: ViewedTag): string {
  return `tag ${index} of type ${type} at offset 0x${at.toString(16)}`;
}

/** Everything the loader put into memory. */
export function placed(view: InformationView): readonly AddressRange[] {
  return [imageRange(view), informationRange(view), ...moduleRanges(view)];
}

/** A rule that applies where there is something to look at. */
export function ifAny<T>(
  find: (view: InformationView) => readonly T[],
  breaches: (found: readonly T[]) => readonly string[],
): (view: InformationView) => readonly string[] | undefined {
  return (view) => {
    const found = find(view);
    return found.length === 0 ? undefined : breaches(found);
  };
}
