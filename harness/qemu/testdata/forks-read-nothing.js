#!/usr/bin/env node
// Can be frozen; a fork's loader reports another choice than what lies on its payload drive.
import { hold, isFork, live, migration, print, speakQmp } from './fake-qemu.js';
import { refusal } from './refusal.js';

const wrong = () => {
  print('loadbase: choice of another', 'loadbase: loading', 'error: no.', 'loadbase: refused');
  hold();
};
speakQmp({ ...migration(), cont: isFork ? wrong : refusal });
live();
