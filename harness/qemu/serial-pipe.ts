/**
 * The guest's serial port as a named pipe. QEMU writes a character at a time, and of such writes a UNIX socket takes only
 * a few hundred: a reader that is busy then stalls the port, and GRUB drops a character after 200 ms
 * (grub-core/term/ns8250.c). A pipe takes 64 KiB, which is more than a whole boot says.
 * Source: QEMU 7.2 chardev/char-pipe.c (`path.in`, `path.out`); pipe(7), "Pipe capacity".
 */
import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { makeFifo } from '../process/system-calls.ts';

export class SerialPipe {
  readonly #out: string;
  /** Until QEMU has opened the pipe, too: one that nobody writes to looks as if it had ended. */
  #keeper: number | undefined;

  private constructor(out: string) {
    this.#out = out;
    this.#keeper = openSync(out, constants.O_RDWR | constants.O_NONBLOCK);
  }

  /**
   * @param path what QEMU is given; two pipes appear beside it, in a private folder that goes with the machine.
   * @throws SystemCallError where the folder's file system has no named pipes.
   */
  static async create(path: string): Promise<SerialPipe> {
    const out = `${path}.out`;
    await makeFifo(`${path}.in`);
    await makeFifo(out);
    return new SerialPipe(out);
  }

  /** What the guest prints, from its first character on; it ends with QEMU. QEMU has opened the pipe by now. */
  read(): Socket {
    const fd = openSync(this.#out, constants.O_RDONLY | constants.O_NONBLOCK);
    const stream = new Socket({ fd, readable: true, writable: false });
    stream.on('error', () => undefined);
    this[Symbol.dispose]();
    return stream;
  }

  [Symbol.dispose](): void {
    if (this.#keeper !== undefined) closeSync(this.#keeper);
    this.#keeper = undefined;
  }
}
