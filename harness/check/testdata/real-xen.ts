/** The Xen that golden traces were captured of, as a check gets it. */
import { readdirSync, readFileSync } from 'node:fs';
import { imageForTrace } from '../../cli/image-for-trace.ts';
import { TraceReader } from '../../trace/trace-reader.ts';
import type { CheckedImageData } from '../checker.ts';

const GOLDEN = new URL('../../../results/golden/', import.meta.url);

export async function realXen(): Promise<CheckedImageData> {
  const trace = new TraceReader(readFileSync(new URL('xen-early-boot~bios~base-0x03e00000.lbtrace', GOLDEN)));
  const { bytes, symbolsPath } = await imageForTrace(trace, undefined);
  if (symbolsPath === undefined) throw new Error('the image of the golden traces has no symbols beside it');
  const machines = readdirSync(GOLDEN).filter((name) => /^machine-.*\.json$/.test(name));
  machines.sort((a, b) => a.length - b.length);
  return {
    subject: 'xen',
    image: bytes,
    symbols: readFileSync(symbolsPath),
    machines: machines.map((name) => readFileSync(new URL(name, GOLDEN), 'utf8')),
  };
}
