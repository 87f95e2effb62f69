/** Real ELF files from binutils: the outside oracle for what the reader says. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Assembles and links `source` for i386 or x86-64 in `folder`; gives the path of the linked file. */
export function assemble(folder: string, source: string, elfClass: 32 | 64, linkArguments: string[]): string {
  const [assembly, object, image] = ['image.s', 'image.o', 'image'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(assembly, source);
  execFileSync('as', [`--${elfClass}`, '-o', object, assembly]);
  const emulation = elfClass === 32 ? 'elf_i386' : 'elf_x86_64';
  execFileSync('ld', ['-m', emulation, ...linkArguments, '-o', image, object]);
  return image;
}

export function run(command: string, commandArguments: string[]): string {
  return execFileSync(command, commandArguments, { encoding: 'utf8' });
}
