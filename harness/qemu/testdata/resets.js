#!/usr/bin/env node
// A whole boot up to the hand-off; then the guest resets. Its gdbstub hangs up when it is asked: nobody shall wait for it.
import { event, handOff, listenForGdb, live, speakQmp } from './fake-qemu.js';

listenForGdb((connection) => {
  event('SHUTDOWN', { guest: true, reason: 'guest-reset' });
  connection.on('error', () => {}).on('data', () => connection.destroy());
});
speakQmp({ cont: handOff });
live();
