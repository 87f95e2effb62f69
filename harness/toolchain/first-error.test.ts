import t from 'tap';
import { firstError, saysNoSpace } from './first-error.ts';

const logs: readonly (readonly [name: string, log: string, expected: string | undefined])[] = [
  [
    "a compiler's error before make's summary",
    "make[1]: *** [x.o] Error 1\ncc -Werror -c error.c\na.c:1:2: error: 'x' undeclared\nb.c:1:1: error: other\n",
    "a.c:1:2: error: 'x' undeclared",
  ],
  [
    'a fatal error',
    'x.c:1:10: fatal error: y.h: No such file or directory\n',
    'x.c:1:10: fatal error: y.h: No such file or directory',
  ],
  [
    "configure's error",
    'checking for x... no\nconfigure: error: bison is not found\n',
    'configure: error: bison is not found',
  ],
  [
    "the linker's",
    'ld: a.o: undefined reference to `f`\nmake: *** [all] Error 1\n',
    'ld: a.o: undefined reference to `f`',
  ],
  [
    'a missing program',
    '/bin/sh: 1: flex: not found\nmake: *** [lex.c] Error 127\n',
    '/bin/sh: 1: flex: not found',
  ],
  [
    "make's own",
    "make: *** No rule to make target 'x'.  Stop.\n",
    "make: *** No rule to make target 'x'.  Stop.",
  ],
  [
    'a module of GRUB',
    'grub_x in y is not defined\nmake: *** [moddep.lst] Error 1\n',
    'grub_x in y is not defined',
  ],
  ['else the last line', 'one\ntwo\n\n', 'two'],
  ['nothing', '', undefined],
];
for (const [name, log, expected] of logs) t.test(name, (t) => (t.equal(firstError(log), expected), t.end()));

t.test('a full disk', (t) => {
  t.equal(saysNoSpace('as: x.o: No space left on device'), true);
  t.equal(saysNoSpace('x.c:1:1: error: device'), false);
  t.end();
});
