import type { Duplex } from 'node:stream';
import { RspProtocolError } from './errors.ts';
import { ACK, INTERRUPT, NACK, PacketParser, encodePacket } from './packet.ts';

export type RspDirection = 'send' | 'receive';

export interface PacketLinkHooks {
  readonly onPacket: (payload: Buffer) => void;
  /** The link has ended; `failure` says why, where it was not simply closed. */
  readonly onEnd: (failure: Error | undefined) => void;
  /** Hears each packet's payload (Latin-1), for the log. */
  readonly observe: ((direction: RspDirection, payload: string) => void) | undefined;
}

/** A packet damaged this often is no accident. */
const MAX_RESENDS = 3;

/**
 * Packets over a stream, acknowledged and resent (GDB manual, "Overview" and "Packet Acknowledgment"). An acknowledgement
 * goes out in front of the next packet, in one write: by itself it would be a write and a wake-up of the stub's process
 * each time, and it could come late, when the machine runs: QEMU takes any byte for a wish to stop then. QEMU takes the
 * next packet for an acknowledgement, too (gdbstub.c, gdb_read_byte).
 */
export class PacketLink {
  readonly #stream: Duplex;
  readonly #hooks: PacketLinkHooks;
  readonly #parser = new PacketParser();
  #acknowledge: 'on' | 'off' = 'on';
  /** Whether the last packet received is still to be acknowledged. */
  #owed: 'nothing' | 'acknowledgement' = 'nothing';
  #state: 'open' | 'closed' = 'open';
  /** The last packet sent, until its answer comes: it may have to be sent again. */
  #unanswered: Buffer | undefined;
  #resends = 0;
  #badInARow = 0;

  constructor(stream: Duplex, hooks: PacketLinkHooks) {
    this.#stream = stream;
    this.#hooks = hooks;
    stream.on('data', (chunk: Buffer) => this.#feed(chunk));
    stream.on('error', (error) => this.close(error));
    stream.on('end', () => {
      this.close(
        this.#parser.midPacket ? new RspProtocolError('the stub closed within a packet') : undefined,
      );
    });
    stream.on('close', () => this.close());
  }

  send(payload: string | Uint8Array): void {
    this.#hooks.observe?.(
      'send',
      typeof payload === 'string' ? payload : Buffer.from(payload).toString('latin1'),
    );
    this.#unanswered = encodePacket(payload);
    this.#resends = 0;
    this.#write(this.#unanswered);
  }

  /** In one write; each is acted upon when those before it are answered. None is sent again. */
  sendTogether(payloads: readonly string[]): void {
    for (const payload of payloads) this.#hooks.observe?.('send', payload);
    this.#unanswered = undefined;
    this.#write(Buffer.concat(payloads.map((payload) => encodePacket(payload))));
  }

  /** One byte outside of any packet. */
  sendInterrupt(): void {
    this.#hooks.observe?.('send', '\x03');
    this.#write(INTERRUPT);
  }

  /** After QStartNoAckMode. */
  stopAcknowledging(): void {
    this.#acknowledge = 'off';
  }

  close(failure?: Error): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#stream.destroy();
    this.#hooks.onEnd(failure);
  }

  #write(bytes: Buffer): void {
    this.#stream.write(this.#owed === 'nothing' ? bytes : Buffer.concat([ACK, bytes]));
    this.#owed = 'nothing';
  }

  #feed(chunk: Buffer): void {
    for (const item of this.#parser.feed(chunk)) {
      if (this.#state === 'closed') return;
      if (item.kind === 'packet') this.#receive(item.payload);
      else if (item.kind === 'bad') this.#refuse(item.reason);
      else if (item.kind === 'nack') this.#resend();
    }
  }

  #receive(payload: Buffer): void {
    if (this.#acknowledge === 'on') this.#owed = 'acknowledgement';
    this.#unanswered = undefined;
    this.#badInARow = 0;
    this.#hooks.observe?.('receive', payload.toString('latin1'));
    this.#hooks.onPacket(payload);
  }

  #refuse(reason: string): void {
    const canAskAgain = this.#acknowledge === 'on' && this.#unanswered !== undefined;
    if (!canAskAgain || ++this.#badInARow > MAX_RESENDS) this.close(new RspProtocolError(reason));
    else this.#stream.write(NACK);
  }

  #resend(): void {
    if (this.#unanswered === undefined) return;
    if (++this.#resends > MAX_RESENDS)
      this.close(new RspProtocolError('the stub refuses every packet as damaged'));
    else this.#stream.write(this.#unanswered);
  }
}
