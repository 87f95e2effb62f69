/** The default Xen with a defect of harness/sabotage in it, as files that `--xen` takes. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheRoot } from '../../harness/cli/surroundings.ts';
import { DEFECTS } from '../../harness/sabotage/catalogue.ts';
import { type Patch, patched, xenReader, type XenReader } from '../../harness/sabotage/xen-reader.ts';
import { parseSourceSpec } from '../../harness/sources/source-spec.ts';
import { loadDisassembler } from '../../harness/x86/disassembler.ts';
import { xenBuildIfCached } from '../../harness/xen/build.ts';

export interface XenFiles {
  readonly image: string;
  readonly symbols: string;
}

/** The default Xen, as set-up built it. */
export async function builtXen(): Promise<XenFiles> {
  const build = await builtXenIfAny();
  if (!build) throw new Error('Xen is not built yet: sh scripts/setup.sh');
  return build;
}

export async function builtXenIfAny(): Promise<XenFiles | undefined> {
  const context = { cacheRoot: cacheRoot(), onProgress: () => undefined };
  const build = await xenBuildIfCached({ source: parseSourceSpec('debian', 'xen') }, context);
  return build && { image: build.image, symbols: build.symbols };
}

/** Copies of the default Xen's files with that defect of the catalogue, in `folder`. */
export async function patchedXen(folder: string, defectName: string): Promise<XenFiles> {
  const make = DEFECTS.find(({ name }) => name === defectName)?.make;
  if (make?.depth !== 'image') throw new Error(`${defectName} is no defect of the image`);
  return brokenXen(folder, (xen) => make.patches(xen));
}

/** The same with patches of the caller's own. */
export async function brokenXen(
  folder: string,
  patches: (xen: XenReader) => readonly Patch[],
): Promise<XenFiles> {
  const built = await builtXen();
  const bytes = { image: await readFile(built.image), symbols: await readFile(built.symbols) };
  const broken = patched(bytes, patches(xenReader(bytes, await loadDisassembler())));
  const files = { image: join(folder, 'xen'), symbols: join(folder, 'xen-syms') };
  await writeFile(files.image, broken.image);
  await writeFile(files.symbols, broken.symbols);
  return files;
}
