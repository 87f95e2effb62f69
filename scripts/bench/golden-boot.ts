/** Xen's early boot as it was captured, and the stretch of it that models are measured on, from the golden traces. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { imageForTrace } from '../../harness/cli/image-for-trace.ts';
import { outsideOf } from '../../harness/replay/free-run.ts';
import { TraceImageError } from '../../harness/replay/trace-image.ts';
import { TraceReader } from '../../harness/trace/trace-reader.ts';
import { projectRoot } from '../../harness/workdir/project-root.ts';
import { loadDisassembler } from '../../harness/x86/disassembler.ts';
import { CodeStore } from '../../harness/x86/execute/code-store.ts';
import type { RecordedBoot } from './boot-model.ts';
import { pointerStores, type SanitizedBoot } from './sanitized-model.ts';
import { longestStretch, type Stretch } from './unicorn/stretch.ts';

const GOLDEN = join(projectRoot(), 'results', 'golden');

export interface GoldenBoot {
  /**
   * On BIOS from the first instruction until real mode is entered, most of its time one `rep stos`; on EFI what runs between
   * the last firmware call and the last page tables, with next to no repeated string instruction.
   */
  readonly stretch: Stretch;
  readonly whole: RecordedBoot;
  readonly sanitized: SanitizedBoot;
}

/** @throws TraceImageError where Xen was not built here */
export async function goldenBoot(firmware: 'bios' | 'efi'): Promise<GoldenBoot> {
  const bytes = await readFile(join(GOLDEN, `xen-early-boot~${firmware}~base-0x03e00000.lbtrace`));
  const trace = new TraceReader(bytes);
  const { bytes: image, symbolsPath } = await imageForTrace(trace, undefined);
  if (symbolsPath === undefined)
    throw new TraceImageError('no symbols are beside the image; `npx loadbase build` makes both');
  const { loadBase } = trace.header.subject;
  const symbols = await readFile(symbolsPath);
  const machine = await readFile(join(GOLDEN, `machine-${firmware}.json`), 'utf8');
  const stores = await pointerStores({ loadBase, image, symbols }, machine);
  return {
    stretch: longestStretch(trace, image, new CodeStore(await loadDisassembler())),
    whole: { trace: bytes, image },
    sanitized: { entry: firmware, loadBase, image, symbols, stores, initial: outsideOf(trace).initial },
  };
}
