/**
 * GRUB's environment block, the file that its `load_env` reads: a signature line, `name=value` lines, `#` to the end.
 * Source: GRUB manual, "The GRUB environment block"; escapes as in GRUB's grub-core/lib/envblk.c.
 */

const SIGNATURE = '# GRUB Environment Block\n';
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** What grub-editenv writes. GRUB reads any size, so a fuller block grows by as much again. */
const BLOCK_SIZE_BYTES = 1024;

export class EnvironmentBlockError extends Error {
  override readonly name = 'EnvironmentBlockError';
}

/**
 * The block that sets `variables`, in order of their names; a multiple of 1024 bytes long.
 * @throws EnvironmentBlockError for a name GRUB's `$name` cannot spell, or a value that holds a NUL.
 */
export function encodeEnvironmentBlock(variables: Readonly<Record<string, string>>): Buffer {
  const lines = Object.keys(variables)
    .sort()
    .map((name) => encodeLine(name, variables[name] ?? ''));
  const content = Buffer.from(SIGNATURE + lines.join(''), 'utf8');
  const block = Buffer.alloc(Math.ceil(content.length / BLOCK_SIZE_BYTES) * BLOCK_SIZE_BYTES, '#');
  content.copy(block);
  return block;
}

function encodeLine(name: string, value: string): string {
  if (!NAME.test(name))
    throw new EnvironmentBlockError(
      `${JSON.stringify(name)} is no name of a GRUB variable; use letters, digits and _`,
    );
  // GRUB keeps values as C strings: it would cut this one short without a word.
  if (value.includes('\0'))
    throw new EnvironmentBlockError(`the value of ${name} holds a NUL, where GRUB would cut it; take it out`);
  return `${name}=${value.replace(/[\\\n]/g, '\\$&')}\n`;
}
