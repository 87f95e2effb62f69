/** The stretch of Xen's early boot that models are measured on, from the golden traces. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { imageForTrace } from '../../harness/cli/image-for-trace.ts';
import { TraceReader } from '../../harness/trace/trace-reader.ts';
import { projectRoot } from '../../harness/workdir/project-root.ts';
import { loadDisassembler } from '../../harness/x86/disassembler.ts';
import { CodeStore } from '../../harness/x86/execute/code-store.ts';
import { longestStretch, type Stretch } from './unicorn/stretch.ts';

/**
 * On BIOS from the first instruction until real mode is entered, most of its time one `rep stos`; on EFI what runs between
 * the last firmware call and the last page tables, with next to no repeated string instruction.
 * @throws TraceImageError where Xen was not built here
 */
export async function goldenStretch(firmware: 'bios' | 'efi'): Promise<Stretch> {
  const path = join(projectRoot(), 'results', 'golden', `xen-early-boot~${firmware}~base-0x03e00000.lbtrace`);
  const trace = new TraceReader(await readFile(path));
  const { bytes } = await imageForTrace(trace, undefined);
  return longestStretch(trace, bytes, new CodeStore(await loadDisassembler()));
}
