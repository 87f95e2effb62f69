/** A subject with header tags that no loader knows in place of some that it does. */
import type { HeaderTag } from '../multiboot2/header-tags.ts';
import { parseBootImage } from '../subject/boot-image.ts';
import type { Subject } from './subject.ts';

/** No loader knows it. */
const UNKNOWN_TAG = 0x4c42;
const OPTIONAL = 1;

/**
 * The subject as it is where there is nothing to change. The header's checksum covers only magic, architecture and
 * length (Multiboot2 Specification 2.0 §3.1.2), so it stays right.
 * @throws Error where the image has no such tag: the circumstances cannot be made.
 */
export function neutralised(subject: Subject, types: readonly HeaderTag['type'][]): Subject {
  if (types.length === 0) return subject;
  const bytes = Uint8Array.from(subject.image.bytes);
  const view = new DataView(bytes.buffer);
  for (const type of types) {
    const tags = subject.image.header.tags.filter((tag) => tag.type === type);
    if (tags.length === 0) throw new Error(`${subject.label} has no ${type} header tag to neutralise`);
    for (const { offset } of tags) {
      view.setUint16(offset, UNKNOWN_TAG, true);
      view.setUint16(offset + 2, OPTIONAL, true);
    }
  }
  return { ...subject, image: parseBootImage(bytes) };
}
