import { readFileSync } from 'node:fs';
import t from 'tap';
import { cacheRoot } from '../cli/surroundings.ts';
import { ImageSymbols } from '../subject/image-symbols.ts';
import { loadDisassembler } from '../x86/disassembler.ts';
import { xenBuildIfCached } from './build.ts';
import { imageVersion } from './image-version.ts';
import { smallXen } from './testdata/small-xen.ts';

const disassembler = await loadDisassembler();
const context = { cacheRoot: cacheRoot(), onProgress: () => undefined };
const build = await xenBuildIfCached({ source: { kind: 'debian', package: 'xen' } }, context);
const folder = t.testdir({});

const FUNCTIONS = `
.code64
xen_major_version:
    mov $4, %eax
    ret
xen_minor_version:
    endbr64
    mov $19, %eax
    ret
init_frametable:`;

function versionOf(functions: string): string | undefined {
  const { symbols } = smallXen(folder, (source) => source.replace('init_frametable:', functions));
  return imageVersion(symbols, disassembler);
}

void t.test('the real Xen', { skip: build ? false : 'Xen is not built here' }, (t) => {
  const symbols = new ImageSymbols(readFileSync(build!.symbols), 0x20_0000);
  const version = imageVersion(symbols, disassembler);
  t.match(version, /^4\.\d+$/);
  t.ok(build!.sourceLabel.includes(` ${version}.`), build!.sourceLabel);
  t.end();
});

void t.test('what its functions return', (t) => {
  t.equal(versionOf(FUNCTIONS), '4.19');
  t.end();
});

void t.test('functions that are not there, or return no constant', (t) => {
  t.equal(imageVersion(smallXen(folder).symbols, disassembler), undefined);
  t.equal(versionOf(FUNCTIONS.replace('mov $19, %eax', 'mov %ebx, %eax')), undefined);
  t.equal(versionOf(FUNCTIONS.replace('mov $19, %eax', 'mov $19, %ecx')), undefined);
  t.end();
});
