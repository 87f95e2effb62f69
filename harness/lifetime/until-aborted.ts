/**
 * Parts that come one by one, until somebody ends what they come from: a machine that was killed on purpose gives a last
 * part that looks as if it had died. @throws the signal's reason, at the first part after the abort
 */
export async function* untilAborted<T>(
  parts: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void> {
  for await (const part of parts) {
    signal?.throwIfAborted();
    yield part;
  }
}
