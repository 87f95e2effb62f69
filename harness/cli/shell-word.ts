/** POSIX shell quoting, only where it is needed. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9._/:=@%+,#-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
