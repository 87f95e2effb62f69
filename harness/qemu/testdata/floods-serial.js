#!/usr/bin/env node
// The guest prints without end.
import { live, serial, speakQmp, start } from './fake-qemu.js';

const chunk = Buffer.alloc(256 * 1024, 'all work and no play\r\n');
function flood() {
  while (serial.write(chunk));
  serial.once('drain', flood);
}
speakQmp({
  cont: start(() => {
    flood();
  }),
});
live();
