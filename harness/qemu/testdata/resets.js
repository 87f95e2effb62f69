#!/usr/bin/env node
// A whole boot up to the hand-off; then the guest resets.
import { event, handOff, listenForGdb, live, speakQmp } from './fake-qemu.js';

listenForGdb(() => event('SHUTDOWN', { guest: true, reason: 'guest-reset' }));
speakQmp({ cont: handOff });
live();
