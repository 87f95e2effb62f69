import { Duplex } from 'node:stream';

/** Two ends of a connection in memory: what is written to one can be read from the other. */
export function streamPair(): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const make = (other: () => Duplex) =>
    new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        setImmediate(() => {
          if (!other().readableEnded && !other().destroyed) other().push(chunk);
          done();
        });
      },
      final(done) {
        setImmediate(() => {
          if (!other().destroyed) other().push(null);
          done();
        });
      },
      destroy(error, done) {
        setImmediate(() => {
          if (!other().destroyed) other().push(null);
        });
        done(error);
      },
    });
  ends.push(
    make(() => ends[1]!),
    make(() => ends[0]!),
  );
  return [ends[0]!, ends[1]!];
}
