#!/usr/bin/env node
// Well behaved, on a busy host: the monitor tells of the shutdown before the console's last lines are through.
import { event, live, print, speakQmp, start } from './fake-qemu.js';

const shutDown = start(() => {
  event('SHUTDOWN', { guest: true, reason: 'guest-shutdown' });
  event('STOP');
  setTimeout(() => print('loadbase: survey end'), 200);
});
speakQmp({ cont: shutDown });
live();
