/** Which knowledge there is of an image. */
import type { ImageSymbols } from '../subject/image-symbols.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import { imageVersion } from '../xen/image-version.ts';
import type { LinkedImage } from './ending-words.ts';
import type { Knowledge } from './knowledge.ts';
import { ProbeKnowledge } from './probe-knowledge.ts';
import { StrippedXenKnowledge } from './stripped-xen-knowledge.ts';
import { XenKnowledge } from './xen-knowledge.ts';

export interface KnownImage {
  readonly subject: 'xen' | 'kernel';
  readonly loaded: LinkedImage;
  /** Of a Xen those of its xen-syms. */
  readonly symbols: ImageSymbols | undefined;
}

/** @throws ImageSymbolsError where the symbols are not a Xen’s */
export function knowledgeOf({ subject, loaded, symbols }: KnownImage, disassembler: Disassembler): Knowledge {
  if (subject === 'kernel') return new ProbeKnowledge(loaded, symbols);
  if (!symbols) return new StrippedXenKnowledge(loaded);
  return new XenKnowledge(symbols, loaded, imageVersion(symbols, disassembler));
}
